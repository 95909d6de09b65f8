/** `cellzero project`: who owns servers. Clients can look projects up, but not make them. */
import type { Command } from 'commander';
import { createProject } from '../../identity/projects.ts';
import { type CommonOptions, entityName, group, helpEnd, type Perform, part } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

/** Adds `cellzero project`. */
export function addProject(root: Command, perform: Perform): void {
  const project = group(root, 'project', 'Makes projects, which own servers and have quotas. "openstack project list" lists them.').summary(
    'create projects',
  );
  part(project, 'create')
    .summary('make a project')
    .argument('<name>', 'name of the project', entityName)
    .addHelpText('after', helpEnd('  cellzero project create web', 'success\n  1  the name is taken'))
    .action((name: string, options: CommonOptions) =>
      perform(options, async (api) => {
        const id = await createProject(api, name);
        const text = () => `Project ${name} is made, its id is ${id}. Its first user:\n  cellzero user create <name> --project ${name}`;
        return { json: { id, name }, text, code: exitCodes.success };
      }),
    );
}
