/** The `cellzero` command, put together from its parts. */
import { Command } from 'commander';
import { performing, whichDeployment } from './command.ts';
import { addAudit } from './commands/audit.ts';
import { addBuried } from './commands/buried.ts';
import { addCellV2 } from './commands/cell-v2/index.ts';
import { addClouds } from './commands/clouds.ts';
import { addDb } from './commands/db/index.ts';
import { addExplain } from './commands/explain.ts';
import { addFlavor } from './commands/flavor.ts';
import { addHostCommands } from './commands/hosts.ts';
import { addImage } from './commands/image.ts';
import { addProject } from './commands/project.ts';
import { addReschedule } from './commands/reschedule.ts';
import { addStatus } from './commands/status.ts';
import { addTasks } from './commands/tasks.ts';
import { addUser } from './commands/user.ts';

/** Makes the command; `end` takes the code it ends with. */
export function program(print: (text: string) => void, end: (code: number) => void): Command {
  const perform = performing(print, end);
  const root = new Command('cellzero')
    .description(
      'Manages a Cellzero cloud: its cells, databases, hosts, users, flavors and images, what is broken in it, and what became of a server.',
    )
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  root.addHelpText('after', `${whichDeployment}\n\n"cellzero <command> --help" explains a command.`);
  addAudit(root, perform);
  addExplain(root, perform);
  addBuried(root, perform);
  addReschedule(root, perform);
  addTasks(root, perform);
  addHostCommands(root, perform);
  addUser(root, perform);
  addProject(root, perform);
  addFlavor(root, perform);
  addImage(root, perform);
  addClouds(root, print, end);
  addCellV2(root, perform);
  addDb(root, perform);
  addStatus(root, perform);
  return root;
}
