/** `cellzero cell_v2 discover_hosts`, `list_hosts` and `delete_host`. */
import type { Command } from 'commander';
import { NotFound } from '../../../common/errors.ts';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { type Discovery, discoverHosts } from '../../../compute/cells/discover-hosts.ts';
import type { InCells } from '../../../compute/cells/reach.ts';
import { findCell } from '../../../compute/cells/register.ts';
import { deleteHost, type HostRemoval } from '../../../compute/cells/remove.ts';
import { type CellMapping, listCellMappings } from '../../../database/api/cells/cell-mappings.ts';
import { listHostMappings } from '../../../database/api/hosts/host-mappings.ts';
import { type CommonOptions, novaHelpEnd, type Outcome, type Perform, part, saying } from '../../command.ts';
import { withFailures } from '../../output/failures.ts';
import { table } from '../../output/table.ts';
import { cellNotFound } from './cells.ts';

/** Adds the commands. */
export function addHosts(cellV2: Command, perform: Perform): void {
  addDiscover(cellV2, perform);
  addList(cellV2, perform);
  addDelete(cellV2, perform);
}

interface DiscoverOptions extends CommonOptions {
  cell_uuid?: string;
  verbose?: true;
  strict?: true;
}

function addDiscover(cellV2: Command, perform: Perform): void {
  part(cellV2, 'discover_hosts')
    .summary('let the scheduler know new hosts')
    .description(
      'Finds hosts that a cell knows and the cloud does not, maps them and notes in placement what they have. May run beside itself: a host is mapped once.',
    )
    .option('--cell_uuid <cell_uuid>', 'only this cell')
    .option('--verbose', 'print what is found where')
    .option('--strict', 'finding none is a failure')
    .option('--by-service', "accepted: every host is looked for, whatever its cell's tables say of it")
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero cell_v2 discover_hosts --verbose
  cellzero cell_v2 discover_hosts --strict || echo nothing new`,
        { 0: 'all hosts are mapped', 1: 'there was none to map, and that was --strict', 2: 'a host of this name belongs to another cell' },
      ),
    )
    .action((options: DiscoverOptions) =>
      perform(options, async (api) => {
        const cells = (await listCellMappings(api)).filter(({ uuid }) => !options.cell_uuid || uuid === options.cell_uuid.toLowerCase());
        if (cells.length === 0) throw new NotFound(`Cell with uuid ${options.cell_uuid} was not found.`);
        const discovered = await discoverHosts(
          api,
          cells.filter(({ uuid }) => uuid !== cell0),
        );
        return discoveryOutcome(discovered, cells, options);
      }),
    );
}

function discoveryOutcome(discovered: InCells<Discovery>, cells: readonly CellMapping[], options: DiscoverOptions): Outcome {
  const { results, failures } = discovered;
  const mapped = results.flatMap(({ result }) => result.found.filter(({ mapped }) => mapped));
  const duplicates = results.flatMap(({ cell, result }) =>
    result.found.flatMap(({ host, elsewhere }) => (elsewhere === null ? [] : [duplicate(host, cell, elsewhere)])),
  );
  const lines = options.verbose ? discoveryLines(discovered, cells, options.cell_uuid === undefined) : [];
  return withFailures(
    {
      json: {
        cells: results.map(({ cell, result: { hosts, found } }) => ({
          ...{ cell: cell.name, uuid: cell.uuid, hosts },
          mapped: found.filter(({ mapped }) => mapped).map(({ host }) => host),
          duplicates: found.filter(({ elsewhere }) => elsewhere !== null).map(({ host, elsewhere }) => ({ host, uuid: elsewhere })),
        })),
      },
      text: () => [...lines, ...duplicates].join('\n'),
      code: duplicates.length > 0 ? 2 : options.strict && mapped.length === 0 ? 1 : 0,
    },
    failures,
  );
}

const duplicate = (host: string, cell: CellMapping, elsewhere: string) =>
  `ERROR: Duplicate host mapping was encountered. Host '${host}' of cell '${cell.name}' is mapped to the cell with uuid ${elsewhere} already.`;

/** Nova's words, which scripts read. */
function discoveryLines({ results }: InCells<Discovery>, cells: readonly CellMapping[], all: boolean): string[] {
  const lines = all ? [`Found ${cells.length} cell mappings.`] : [];
  for (const { uuid, name } of cells) {
    if (uuid === cell0) lines.push('Skipping cell0 since it does not contain hosts.');
    else lines.push(`Getting computes from cell '${name}': ${uuid}`);
    const found = results.find(({ cell }) => cell.uuid === uuid)?.result.found;
    if (!found) continue;
    for (const { host, uuid: node, mapped } of found) {
      lines.push(`Checking host mapping for compute host '${host}': ${node}`);
      if (mapped) lines.push(`Creating host mapping for compute host '${host}': ${node}`);
    }
    lines.push(`Found ${found.filter(({ mapped }) => mapped).length} unmapped computes in cell: ${uuid}`);
  }
  return lines;
}

function addList(cellV2: Command, perform: Perform): void {
  part(cellV2, 'list_hosts')
    .summary('list the hosts of cells')
    .description('Lists the mapped hosts by name. "cellzero hosts" shows how full they are, too.')
    .option('--cell_uuid <cell_uuid>', 'only those of this cell')
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero cell_v2 list_hosts
  cellzero cell_v2 list_hosts --cell_uuid UUID --json | jq -r '.[].host'`,
        { 0: 'success', 1: 'cell not found' },
      ),
    )
    .action((options: CommonOptions & { cell_uuid?: string }) =>
      perform(options, async (api) => {
        const { cell_uuid } = options;
        const cell = cell_uuid ? await findCell(api, cell_uuid) : null;
        if (cell === undefined) return cellNotFound(cell_uuid ?? '');
        const hosts = await listHostMappings(api, cell?.uuid ?? null);
        const rows = hosts.map(({ cell, cell_uuid, host }) => [cell, cell_uuid, host]);
        return { json: hosts, text: () => table(['Cell Name', 'Cell UUID', 'Hostname'], rows), code: 0 };
      }),
    );
}

interface DeleteOptions extends CommonOptions {
  cell_uuid: string;
  host: string;
}

function addDelete(cellV2: Command, perform: Perform): void {
  part(cellV2, 'delete_host')
    .summary('take an empty host out of its cell')
    .description('Takes a host without servers out of its cell and out of placement. Discovery finds it again while the cell knows it.')
    .requiredOption('--cell_uuid <cell_uuid>', 'its cell')
    .requiredOption('--host <host>', 'which host')
    .addHelpText(
      'after',
      novaHelpEnd(`  cellzero cell_v2 delete_host --cell_uuid UUID --host cell1-host2`, {
        0: 'success',
        1: 'cell not found',
        2: 'host not found',
        3: 'it belongs to another cell',
        4: 'it has servers',
      }),
    )
    .action((options: DeleteOptions) =>
      perform(options, async (api) => removal(options, await deleteHost(api, options.cell_uuid, options.host))),
    );
}

function removal({ cell_uuid, host }: DeleteOptions, outcome: HostRemoval): Outcome {
  switch (outcome) {
    case 'removed':
      return saying('', 0);
    case 'unknown cell':
      return cellNotFound(cell_uuid);
    case 'unknown host':
      return saying(`The host ${host} was not found.`, 2);
    case 'of another cell':
      return saying(`The host ${host} was not found in the cell ${cell_uuid}.`, 3);
    case 'has servers':
      return saying(`There are instances on the host ${host}.`, 4);
  }
}
