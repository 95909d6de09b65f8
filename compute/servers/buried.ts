/** What is in cell0, by the first cause of each burial: where a cloud is too small, and for which project. */
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import { type Burials, countBurials } from '../../database/cell/audit.ts';
import type { Database } from '../../database/data-api/client.ts';
import { cell0 } from '../cells/cell0.ts';
import { inCell } from '../cells/reach.ts';

/**
 * Counts the living servers of cell0, newest first; those buried in the last days, or all.
 * @throws DatabaseUnreachable when cell0 does not answer, Error when none is registered.
 */
export async function listBurials(api: Database, days: number | null): Promise<Burials[]> {
  const mapping = (await listCellMappings(api)).find(({ uuid }) => uuid === cell0);
  if (!mapping) throw new Error('no cell0 is registered');
  return inCell(mapping.database_connection, 'tending', (database) => countBurials(database, days));
}
