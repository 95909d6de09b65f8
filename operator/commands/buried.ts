/** `cellzero buried`: what is in cell0, and why. */
import { type Command, Option } from 'commander';
import { listBurials } from '../../compute/servers/buried.ts';
import type { Burials } from '../../database/cell/audit.ts';
import { type CommonOptions, helpEnd, type Perform, part, wholeNumber } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output/table.ts';

/** Adds `cellzero buried`. */
export function addBuried(root: Command, perform: Perform): void {
  part(root, 'buried')
    .summary('count what is in cell0, by first cause, project and day')
    .description('Counts the servers in cell0 that no cell could hold, by the first cause of their burial, by project and by day.')
    .addOption(new Option('--days <number>', 'only what was buried in the last <number> days').argParser(wholeNumber))
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero buried --days 7
  cellzero buried --json | jq 'map(select(.cause == "DISK_GB"))'`,
        'success, also when nothing is buried',
      ),
    )
    .action((options: CommonOptions & { days?: number }) =>
      perform(options, async (api) => {
        const burials = await listBurials(api, options.days ?? null);
        return { json: burials, text: () => buriedText(burials), code: exitCodes.success };
      }),
    );
}

/** Returns the burials as a person reads them. */
export function buriedText(burials: readonly Burials[]): string {
  if (burials.length === 0) return 'Nothing is buried.';
  const rows = burials.map(({ day, cause, project, servers, first, last }) => [day, cause, project, String(servers), first, last]);
  const total = burials.reduce((sum, { servers }) => sum + servers, 0);
  return `${table(['Day (UTC)', 'First cause', 'Project', 'Servers', 'First', 'Last'], rows)}

${total} ${total === 1 ? 'server' : 'servers'} in cell0. "cellzero explain <server>" shows the whole reason of one.`;
}
