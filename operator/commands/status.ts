/** `cellzero status upgrade check`: what nova-status does. */
import type { Command } from 'commander';
import { type Check, checkUpgrade, verdicts } from '../../compute/cells/upgrade-check.ts';
import { asNova, type CommonOptions, group, novaHelpEnd, type Perform, part } from '../command.ts';
import { table, wrap } from '../output/table.ts';

/** Adds the command. */
export function addStatus(root: Command, perform: Perform): void {
  const upgrade = group(group(root, 'status', 'check the deployment, as "nova-status"'), 'upgrade', 'check before an upgrade');
  part(upgrade, 'check')
    .summary('check whether the deployment is ready for an upgrade')
    .description(
      'Checks that cell0, a cell and hosts are registered, that every database answers and has the schema that this command knows, and that no host waits to be mapped. Cells that sleep are woken. "cellzero audit" looks at servers.',
    )
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero status upgrade check
  cellzero status upgrade check --json | jq -r '.[] | select(.result != "Success") | .details'`,
        { 0: 'all checks succeeded', 1: 'one or more warn', 2: 'one or more failed' },
      ),
    )
    .action((options: CommonOptions) =>
      asNova(perform)(options, async (api) => {
        const checks = await checkUpgrade(api);
        const code = Math.max(...checks.map(({ result }) => verdicts.indexOf(result)));
        return { json: checks, text: () => table(['Upgrade Check Results'], checks.map(row), 'ruled'), code };
      }),
    );
}

function row({ name, result, details }: Check): string[] {
  const wrapped = details === null ? 'None' : wrap(details, 60).replaceAll('\n', '\n  ');
  return [`Check: ${name}\nResult: ${result}\nDetails: ${wrapped}`];
}
