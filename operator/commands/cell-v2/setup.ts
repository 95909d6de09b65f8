/** `cellzero cell_v2 simple_cell_setup`, `map_cell0` and `map_cell_and_hosts`. */
import type { Command } from 'commander';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { discoverHosts, listLiveCells } from '../../../compute/cells/discover-hosts.ts';
import { mapInstances } from '../../../compute/cells/map-instances.ts';
import { inCell, inCells } from '../../../compute/cells/reach.ts';
import { BadConnection, createCell, findCell, mapCell0 } from '../../../compute/cells/register.ts';
import { cellMigrations } from '../../../database/cell/migrations/index.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { migrate } from '../../../database/migrator/migrate.ts';
import { type CommonOptions, novaHelpEnd, type Outcome, type Perform, part, saying } from '../../command.ts';
import { withFailures } from '../../output/failures.ts';
import { takenBy } from './cells.ts';

/** Adds the commands. */
export function addSetup(cellV2: Command, perform: Perform): void {
  addSimpleCellSetup(cellV2, perform);
  addMapCell0(cellV2, perform);
  addMapCellAndHosts(cellV2, perform);
}

const alreadySetUp = 'Cell0 is already setup';
const noHosts = 'No hosts found to map to cell, exiting.';
const allMapped = 'All hosts are already mapped to cell(s).';

function addSimpleCellSetup(cellV2: Command, perform: Perform): void {
  part(cellV2, 'simple_cell_setup')
    .summary('see that cell0, hosts and servers are where they belong')
    .description(
      'Brings the schema of cell0 up to date, maps the hosts of all cells that are not mapped yet, and takes servers into the index that it lacks. A deployment does all of it; this mends.',
    )
    .option('--transport-url <transport_url>', 'accepted: there is no message bus here')
    .addHelpText(
      'after',
      novaHelpEnd(`  cellzero cell_v2 simple_cell_setup`, { 0: 'all is set up', 1: 'no cell has a host, or cell0 is not registered' }),
    )
    .action((options: CommonOptions) => perform(options, simpleCellSetup));
}

async function simpleCellSetup(api: Database): Promise<Outcome> {
  const zero = await findCell(api, cell0);
  if (!zero) return saying('cell0 is not registered: "cellzero cell_v2 map_cell0 --database_connection URL" does that.', 1);
  const lines = [alreadySetUp];
  await inCell(zero.database_connection, 'tending', (database) => migrate(database, cellMigrations)).catch((error: Error) =>
    lines.push(`Unable to sync cell0 schema: ${error.message}`),
  );
  const cells = await listLiveCells(api);
  const discovered = await discoverHosts(api, cells);
  const hosts = discovered.results.reduce((sum, { result }) => sum + result.hosts, 0);
  const found = discovered.results.flatMap(({ result }) => result.found);
  if (hosts === 0) return withFailures(saying([...lines, noHosts].join('\n'), 1), discovered.failures);
  if (found.length === 0) lines.push(allMapped);
  const mapped = await inCells(cells, 'tending', (cell, database) => mapInstances(api, cell, database, Number.POSITIVE_INFINITY, () => {}));
  return withFailures(saying(lines.join('\n'), 0), mapped.failures);
}

function addMapCell0(cellV2: Command, perform: Perform): void {
  part(cellV2, 'map_cell0')
    .summary('register cell0')
    .description('Registers cell0 with its all-zero uuid, where servers go that no cell can hold. A deployment does that, too.')
    .option('--database_connection <database_connection>', "where its database is: the output DatabaseUrl of cell0's stack")
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero cell_v2 map_cell0
  cellzero cell_v2 map_cell0 --database_connection 'rds-data://arn:aws:rds:…:cluster:…/cellzero?secret=arn:aws:…'`,
        { 0: 'it is registered, or was before', 1: 'it is not, and no database is given, or one that does not answer' },
      ),
    )
    .action((options: CommonOptions & { database_connection?: string }) =>
      perform(options, async (api) => {
        try {
          return (await mapCell0(api, options.database_connection)) ? saying('', 0) : saying(alreadySetUp, 0);
        } catch (error) {
          if (error instanceof BadConnection) return saying(`${error.message}\nSee --database_connection.`, 1);
          throw error;
        }
      }),
    );
}

interface CellAndHostsOptions extends CommonOptions {
  database_connection?: string;
  name?: string;
  transportUrl?: string;
  verbose?: true;
}

function addMapCellAndHosts(cellV2: Command, perform: Perform): void {
  part(cellV2, 'map_cell_and_hosts')
    .summary('register a cell with its hosts')
    .description(
      'Registers the cell of a database, if it is not registered, and maps its hosts; without a database, the hosts of all cells.',
    )
    .option('--database_connection <database_connection>', 'where the database of the cell is, rds-data://…')
    .option('--name <cell_name>', 'name of a new cell')
    .option('--transport-url <transport_url>', 'kept for a new cell: there is no message bus here')
    .option('--verbose', 'print the uuids of the cells of newly mapped hosts')
    .addHelpText(
      'after',
      novaHelpEnd(`  cellzero cell_v2 map_cell_and_hosts --name cell3 --verbose --database_connection 'rds-data://…'`, {
        0: 'success, or nothing to map',
        1: 'the database does not answer, or is that of cell0',
      }),
    )
    .action((options: CellAndHostsOptions) => perform(options, (api) => mapCellAndHosts(api, options)));
}

async function mapCellAndHosts(api: Database, options: CellAndHostsOptions): Promise<Outcome> {
  const { database_connection, name, transportUrl, verbose } = options;
  const known = ({ database_connection: url }: { database_connection: string }) => !database_connection || url === database_connection;
  let cells = (await listLiveCells(api)).filter(known);
  if (cells.length === 0 && database_connection) {
    try {
      const made = await createCell(api, {
        ...(name ? { name } : {}),
        ...(transportUrl ? { transport_url: transportUrl } : {}),
        database_connection,
      });
      if ('taken' in made) return takenBy(made.taken, 1);
    } catch (error) {
      if (error instanceof BadConnection) return saying(error.message, 1);
      throw error;
    }
    cells = (await listLiveCells(api)).filter(known);
  }
  const { results, failures } = await discoverHosts(api, cells);
  const hosts = results.reduce((sum, { result }) => sum + result.hosts, 0);
  const mapped = results.filter(({ result }) => result.found.some((host) => host.mapped));
  const uuids = mapped.map(({ cell }) => cell.uuid);
  const text = hosts === 0 ? noHosts : uuids.length === 0 ? allMapped : verbose ? uuids.join('\n') : '';
  return withFailures(saying(text, 0, { cells: uuids }), failures);
}
