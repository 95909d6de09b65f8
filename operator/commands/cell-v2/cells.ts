/** `cellzero cell_v2 create_cell`, `list_cells`, `update_cell` and `delete_cell`. */
import type { Command } from 'commander';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { BadConnection, createCell, findCell, noTransport, updateCell } from '../../../compute/cells/register.ts';
import { type CellRemoval, deleteCell } from '../../../compute/cells/remove.ts';
import { type CellMapping, listCellMappings } from '../../../database/api/cells/cell-mappings.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { type CommonOptions, novaHelpEnd, type Outcome, type Perform, part, saying } from '../../command.ts';
import { table } from '../../output/table.ts';

/** Adds the commands. */
export function addCells(cellV2: Command, perform: Perform): void {
  addCreate(cellV2, perform);
  addList(cellV2, perform);
  addUpdate(cellV2, perform);
  addDelete(cellV2, perform);
}

/** Nova's sentence for a cell that is not there. */
export const cellNotFound = (uuid: string) => saying(`Cell with uuid ${uuid} was not found.`, 1);

/** Nova's sentence for a cell whose place another one has. */
export const takenBy = (uuid: string, code: number) =>
  saying(`The specified transport_url and/or database_connection combination already exists for another cell with uuid ${uuid}.`, code);

interface CreateOptions extends CommonOptions {
  name?: string;
  database_connection?: string;
  transportUrl?: string;
  verbose?: true;
  disabled?: true;
}

function addCreate(cellV2: Command, perform: Perform): void {
  part(cellV2, 'create_cell')
    .summary('register a cell')
    .description('Registers a cell, once its database answers. Deploying a cell registers it, too; this is for databases from elsewhere.')
    .option('--name <cell_name>', 'name of the cell; its uuid when none is given')
    .option('--database_connection <database_connection>', 'where its database is, rds-data://…')
    .option('--transport-url <transport_url>', 'kept and shown: there is no message bus here', noTransport)
    .option('--verbose', 'print the uuid of the cell')
    .option('--disabled', 'the scheduler shall not pick the cell yet')
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero cell_v2 create_cell --name cell3 --verbose --database_connection \\
    'rds-data://arn:aws:rds:us-east-1:123456789012:cluster:cell3/cellzero?secret=arn:aws:secretsmanager:…'
  cellzero db sync                  # then its schema
  cellzero cell_v2 discover_hosts   # and its hosts`,
        { 0: 'it is registered', 1: 'no database, or one that does not answer', 2: 'another cell has this database or transport URL' },
      ),
    )
    .action((options: CreateOptions) => perform(options, (api) => create(api, options)));
}

async function create(api: Database, options: CreateOptions): Promise<Outcome> {
  const { name, database_connection, transportUrl, verbose, disabled = false } = options;
  if (!database_connection) return saying('Must specify --database_connection.', 1);
  try {
    const made = await createCell(api, {
      ...(name ? { name } : {}),
      ...{ database_connection, transport_url: transportUrl || noTransport, disabled },
    });
    if ('taken' in made) return takenBy(made.taken, 2);
    return { json: { uuid: made.created }, text: () => (verbose ? made.created : ''), code: 0 };
  } catch (error) {
    if (error instanceof BadConnection) return saying(error.message, 1);
    throw error;
  }
}

function addList(cellV2: Command, perform: Perform): void {
  part(cellV2, 'list_cells')
    .summary('list the cells')
    .description('Lists the cells by name. Passwords in URLs are masked unless all is asked for.')
    .option('--verbose', 'show passwords, too')
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero cell_v2 list_cells
  cellzero cell_v2 list_cells --json | jq -r '.[] | select(.disabled) | .name'`,
        { 0: 'success' },
      ),
    )
    .action((options: CommonOptions & { verbose?: true }) =>
      perform(options, async (api) => {
        const cells = (await listCellMappings(api)).map((cell) => (options.verbose ? cell : masked(cell)));
        const rows = cells.map(({ name, uuid, transport_url, database_connection, disabled }) => [
          ...[name, uuid, transport_url, database_connection],
          disabled ? 'True' : 'False',
        ]);
        return { json: cells, text: () => table(['Name', 'UUID', 'Transport URL', 'Database Connection', 'Disabled'], rows), code: 0 };
      }),
    );
}

function masked(cell: CellMapping): CellMapping {
  const { transport_url, database_connection } = cell;
  return { ...cell, transport_url: maskPassword(transport_url), database_connection: maskPassword(database_connection) };
}

/** Masks what stands between the first `:` and the last `@` of the host part of a URL. */
function maskPassword(url: string): string {
  return url.replace(/(?<=^[^:/]+:\/\/)[^/?#]*/, (host) => host.replace(/:.*@/, ':****@'));
}

interface UpdateOptions extends CommonOptions {
  cell_uuid: string;
  name?: string;
  transportUrl?: string;
  database_connection?: string;
  disable?: true;
  enable?: true;
}

function addUpdate(cellV2: Command, perform: Perform): void {
  part(cellV2, 'update_cell')
    .summary('change a cell')
    .description('Changes what is given of a cell, and nothing else. It holds from the next request on; nothing needs a restart.')
    .requiredOption('--cell_uuid <cell_uuid>', 'which cell')
    .option('--name <cell_name>', 'its new name')
    .option('--transport-url <transport_url>', 'its new transport URL')
    .option('--database_connection <database_connection>', 'where its database is now')
    .option('--disable', 'the scheduler shall not pick it any more; its servers stay')
    .option('--enable', 'the scheduler may pick it again')
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero cell_v2 update_cell --cell_uuid UUID --disable
  cellzero cell_v2 update_cell --cell_uuid UUID --name west --enable`,
        {
          0: 'success, also when nothing changed',
          1: 'cell not found',
          2: 'refused: the new database does not answer',
          3: 'another cell has this database or transport URL',
          4: 'both --enable and --disable',
          5: 'cell0 can be neither disabled nor enabled',
        },
      ),
    )
    .action((options: UpdateOptions) => perform(options, (api) => update(api, options)));
}

async function update(api: Database, options: UpdateOptions): Promise<Outcome> {
  const { cell_uuid, name, transportUrl, database_connection, disable = false, enable = false } = options;
  const cell = await findCell(api, cell_uuid);
  if (!cell) return cellNotFound(cell_uuid);
  if (disable && enable) return saying('Cell cannot be disabled and enabled at the same time.', 4);
  if ((disable || enable) && cell.uuid === cell0) return saying('Cell0 cannot be disabled.', 5);
  try {
    const other = await updateCell(api, cell.uuid, {
      ...(name ? { name } : {}),
      ...(transportUrl ? { transport_url: transportUrl } : {}),
      ...(database_connection ? { database_connection } : {}),
      ...(disable || enable ? { disabled: disable } : {}),
    });
    if (other !== undefined) return takenBy(other, 3);
  } catch (error) {
    if (error instanceof BadConnection) return saying(`Unable to update CellMapping: ${error.message}`, 2);
    throw error;
  }
  if (disable && cell.disabled) return saying(`Cell ${cell_uuid} is already disabled`, 0);
  if (enable && !cell.disabled) return saying(`Cell ${cell_uuid} is already enabled`, 0);
  return saying('', 0);
}

interface DeleteOptions extends CommonOptions {
  cell_uuid: string;
  force?: true;
}

function addDelete(cellV2: Command, perform: Perform): void {
  part(cellV2, 'delete_cell')
    .summary('take an empty cell out of the cloud')
    .description(
      `Takes a cell without servers out of the register; its database stays. What has no servers is asked of the index and of the cell itself; with --force the index suffices when the cell does not answer. Without cell0, servers that no cell can hold stay in BUILD.`,
    )
    .requiredOption('--cell_uuid <cell_uuid>', 'which cell')
    .option('--force', 'take its hosts along, and what the index has of its deleted servers')
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero cell_v2 update_cell --cell_uuid UUID --disable   # no new servers; then delete what is there
  cellzero db archive_deleted_rows --until-complete
  cellzero cell_v2 delete_cell --cell_uuid UUID --force`,
        {
          0: 'success',
          1: 'cell not found',
          2: 'it has hosts',
          3: 'it has servers, or some are on their way there or not done with',
          4: 'the index still has deleted servers of it',
        },
      ),
    )
    .action((options: DeleteOptions) =>
      perform(options, async (api) => removal(options.cell_uuid, await deleteCell(api, options.cell_uuid, options.force ?? false))),
    );
}

function removal(uuid: string, outcome: CellRemoval): Outcome {
  switch (outcome) {
    case 'removed':
      return saying('', 0);
    case 'unknown cell':
      return cellNotFound(uuid);
    case 'has hosts':
      return saying(`There are existing hosts mapped to cell with uuid ${uuid}.`, 2);
    case 'has servers':
      return saying(`There are existing instances mapped to cell with uuid ${uuid}.`, 3);
    case 'has deleted servers':
      return saying(
        `There are instance mappings to cell with uuid ${uuid}, but all instances have been deleted in the cell.
So execute 'cellzero db archive_deleted_rows' to delete the instance mappings.`,
        4,
      );
  }
}
