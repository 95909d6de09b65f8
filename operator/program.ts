/** The `cellzero` command, put together from its parts. */
import { Command } from 'commander';
import { performing, whichDeployment } from './command.ts';
import { addAudit } from './commands/audit.ts';
import { addBuried } from './commands/buried.ts';
import { addCellV2 } from './commands/cell-v2/index.ts';
import { addDb } from './commands/db/index.ts';
import { addExplain } from './commands/explain.ts';
import { addStatus } from './commands/status.ts';

/** Makes the command; `end` takes the code it ends with. */
export function program(print: (text: string) => void, end: (code: number) => void): Command {
  const perform = performing(print, end);
  const root = new Command('cellzero')
    .description('Looks after a Cellzero cloud: finds what is broken, and tells what became of a server.')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  root.addHelpText('after', `${whichDeployment}\n\n"cellzero <command> --help" tells more of a command.`);
  addAudit(root, perform);
  addExplain(root, perform);
  addBuried(root, perform);
  addCellV2(root, perform);
  addDb(root, perform);
  addStatus(root, perform);
  return root;
}
