/** `cellzero clouds`: what an OpenStack client needs to know. */
import type { Command } from 'commander';
import { choosing, exitHelp, whichDeployment } from '../command.ts';
import { cloudsFor } from '../deployment/clouds.ts';
import type { Choice } from '../deployment/reach.ts';
import { exitCodes } from '../exit-codes.ts';

/** Adds `cellzero clouds`. */
export function addClouds(root: Command, print: (text: string) => void, end: (code: number) => void): void {
  choosing(root.command('clouds'))
    .summary('print a clouds.yaml with the admin in it')
    .description(
      'Prints a clouds.yaml for OpenStack clients. It holds the password of the admin, as cloud cellzero-admin, and on one machine a member as cloud cellzero: keep it from others.',
    )
    .addHelpText(
      'after',
      `
Examples:
  (umask 077 && cellzero clouds --stage production > clouds.yaml)
  export OS_CLIENT_CONFIG_FILE=$PWD/clouds.yaml OS_CLOUD=cellzero-admin
  openstack server list --all-projects

In AWS it takes the right to read the stacks and the secret of the admin.
${whichDeployment}
${exitHelp('it is printed')}`,
    )
    .action(async (choice: Choice) => {
      print((await cloudsFor(choice)).trimEnd());
      end(exitCodes.success);
    });
}
