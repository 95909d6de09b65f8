/** `cellzero buried`: what is in cell0, and why. */
import { type Command, Option } from 'commander';
import { type Burials, type BuriedServer, listBurials, listBuried } from '../../compute/servers/buried.ts';
import { type CommonOptions, helpEnd, type Perform, part, wholeNumber } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../output/table.ts';

/** Adds `cellzero buried`. */
export function addBuried(root: Command, perform: Perform): void {
  part(root, 'buried')
    .summary('count what is in cell0, by first cause, project and day')
    .description(
      'Counts the servers in cell0 that no cell could hold, by the first cause of their burial, by project and by day; or lists the servers themselves.',
    )
    .option('--servers', 'list the servers, the newest 1000')
    .addOption(new Option('--days <number>', 'only what was buried in the last <number> days').argParser(wholeNumber))
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero buried --days 7
  cellzero buried --servers
  cellzero buried --json | jq 'map(select(.cause == "DISK_GB"))'`,
        'success, also when nothing is buried',
      ),
    )
    .action((options: CommonOptions & { days?: number; servers?: true }) =>
      perform(options, async (api) => {
        const days = options.days ?? null;
        if (options.servers) {
          const servers = await listBuried(api, days);
          return { json: servers, text: () => serversText(servers), code: exitCodes.success };
        }
        const burials = await listBurials(api, days);
        return { json: burials, text: () => buriedText(burials), code: exitCodes.success };
      }),
    );
}

function serversText(servers: readonly BuriedServer[]): string {
  if (servers.length === 0) return 'Nothing is buried.';
  const rows = servers.map(({ uuid, name, project, cause, buried }) => [uuid, name ?? '', project, cause, buried]);
  return `${table(['Server', 'Name', 'Project', 'First cause', 'Buried'], rows)}

"cellzero explain <server>" shows the whole reason of one.`;
}

/** Returns the burials as a person reads them. */
export function buriedText(burials: readonly Burials[]): string {
  if (burials.length === 0) return 'Nothing is buried.';
  const rows = burials.map(({ day, cause, project, servers, first, last }) => [day, cause, project, String(servers), first, last]);
  const total = burials.reduce((sum, { servers }) => sum + servers, 0);
  return `${table(['Day (UTC)', 'First cause', 'Project', 'Servers', 'First', 'Last'], rows)}

${total} ${total === 1 ? 'server' : 'servers'} in cell0. "cellzero buried --servers" lists them, "cellzero explain <server>" shows the whole reason of one.`;
}
