/** The cell mappings as an operator changes them. A connection is tried before it is accepted: a cell that cannot be reached would hold servers without use. */
import { randomUUID } from 'node:crypto';
import { type CellMapping, createCellMapping, listCellMappings, updateCellMapping } from '../../database/api/cells/cell-mappings.ts';
import type { Database } from '../../database/data-api/client.ts';
import { schemaVersion } from '../../database/migrator/migrate.ts';
import { cell0 } from './cell0.ts';
import { inCell } from './reach.ts';

/** The transport URL of a cell without a message bus. */
export const noTransport = 'none:///';

/** A database connection that cannot be taken. */
export class BadConnection extends Error {
  override name = 'BadConnection';
}

/** Finds a cell by its uuid. */
export async function findCell(api: Database, uuid: string): Promise<CellMapping | undefined> {
  return (await listCellMappings(api)).find((cell) => cell.uuid === uuid.toLowerCase());
}

/**
 * Registers a new cell; without a name it is called by its uuid.
 * @returns its uuid, or that of another cell in its way.
 * @throws BadConnection
 */
export async function createCell(
  api: Database,
  cell: Partial<CellMapping> & Pick<CellMapping, 'database_connection'>,
): Promise<{ created: string } | { taken: string }> {
  await tryConnection(cell.database_connection);
  const uuid = cell.uuid ?? randomUUID();
  const taken = await createCellMapping(api, { name: uuid, transport_url: noTransport, disabled: false, ...cell, uuid });
  return taken === undefined ? { created: uuid } : { taken };
}

/**
 * Registers cell0 with its all-zero uuid, unless it is registered.
 * @returns false when it was.
 * @throws BadConnection also when another cell has the connection, or none is given.
 */
export async function mapCell0(api: Database, connection: string | undefined): Promise<boolean> {
  if (await findCell(api, cell0)) return false;
  if (connection === undefined) throw new BadConnection('cell0 is not registered, and no connection of its database is given.');
  const made = await createCell(api, { uuid: cell0, name: 'cell0', database_connection: connection });
  if ('taken' in made) throw new BadConnection(`The database of the cell with uuid ${made.taken} cannot be cell0's, too.`);
  return true;
}

/**
 * Changes what is given of a cell, and nothing else.
 * @returns uuid of another cell that has the given connection or transport URL.
 * @throws BadConnection
 */
export async function updateCell(api: Database, uuid: string, changes: Partial<Omit<CellMapping, 'uuid'>>): Promise<string | undefined> {
  if (changes.database_connection !== undefined) await tryConnection(changes.database_connection);
  return updateCellMapping(api, uuid, changes);
}

async function tryConnection(connection: string): Promise<void> {
  try {
    await inCell(connection, 'tending', schemaVersion);
  } catch (error) {
    throw new BadConnection(`Invalid database connection: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
