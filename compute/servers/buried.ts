/** What is in cell0, by the first cause of each burial: where a cloud is too small, and for which project. */
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import { type Burials, type BuriedServer, countBurials, listBuriedServers } from '../../database/cell/audit.ts';
import type { Database } from '../../database/data-api/client.ts';
import { cell0 } from '../cells/cell0.ts';
import { inCell } from '../cells/reach.ts';

export type { Burials, BuriedServer };

/**
 * Counts the living servers of cell0, newest first; those buried in the last days, or all.
 * @throws DatabaseUnreachable when cell0 does not answer, Error when none is registered.
 */
export async function listBurials(api: Database, days: number | null): Promise<Burials[]> {
  return inCell(await findCell0(api), 'tending', (database) => countBurials(database, days));
}

/**
 * Lists the living servers of cell0 themselves, newest first, at most 1,000; those buried in the last days, or all.
 * @throws DatabaseUnreachable when cell0 does not answer, Error when none is registered.
 */
export async function listBuried(api: Database, days: number | null): Promise<BuriedServer[]> {
  return inCell(await findCell0(api), 'tending', (database) => listBuriedServers(database, days));
}

/**
 * Returns the URL of the database of cell0.
 * @throws Error when none is registered.
 */
export async function findCell0(api: Database): Promise<string> {
  const mapping = (await listCellMappings(api)).find(({ uuid }) => uuid === cell0);
  if (!mapping) throw new Error('no cell0 is registered');
  return mapping.database_connection;
}
