/** Where the index says that a server is, and whether its cell agrees. */
import { findServerEntry } from '../../database/api/audit/servers.ts';
import { readInstances } from '../../database/cell/audit.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from './reach.ts';

/** What was found, and the cell that the index names. */
export interface Verification {
  found: 'in its cell' | 'not in the index' | 'without a cell' | 'deleted' | 'archived';
  cell: { uuid: string; name: string } | null;
}

/**
 * Verifies the place of a server.
 * @throws DatabaseUnreachable when its cell does not answer.
 */
export async function verifyInstance(api: Database, server: string): Promise<Verification> {
  const entry = await findServerEntry(api, server);
  if (!entry) return { found: 'not in the index', cell: null };
  if (!entry.cell) return { found: 'without a cell', cell: null };
  const { uuid, name, database_connection } = entry.cell;
  const [row] = await inCell(database_connection, 'tending', (database) => readInstances(database, [server]));
  return { found: row ? (row.deleted ? 'deleted' : 'in its cell') : 'archived', cell: { uuid, name } };
}
