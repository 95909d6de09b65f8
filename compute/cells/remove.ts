/** Taking hosts and cells out of the cloud. No living server loses its host, its cell or its place in the index. */
import { type CellMapping, findCellContents, removeCell } from '../../database/api/cells/cell-mappings.ts';
import { findHostMapping, removeHost } from '../../database/api/hosts/host-mappings.ts';
import { removeGuestsOfHost } from '../../database/cell/guests-to-end.ts';
import { countServers } from '../../database/cell/hosts.ts';
import type { Database } from '../../database/data-api/client.ts';
import { unmapDeleted } from '../archive/unmap-deleted.ts';
import { inCell } from './reach.ts';
import { findCell } from './register.ts';

/** How removing a cell ended. */
export type CellRemoval = 'removed' | 'unknown cell' | 'has hosts' | 'has servers' | 'has deleted servers';

/**
 * Removes a cell without servers from the register; its database stays.
 * @param force removes its hosts too, and what the index has of its deleted servers; and does so also when the cell does not answer, for then the index
 * alone can say.
 * @throws DatabaseUnreachable when the cell does not answer, unless forced.
 */
export async function deleteCell(api: Database, uuid: string, force: boolean): Promise<CellRemoval> {
  const [cell, contents] = await Promise.all([findCell(api, uuid), findCellContents(api, uuid)]);
  if (!cell || !contents) return 'unknown cell';
  if (contents.hosts > 0 && !force) return 'has hosts';
  if (contents.servers > 0 || (await holdsServers(cell, force))) return 'has servers';
  if (contents.deleted > 0) {
    if (!force) return 'has deleted servers';
    await unmapDeleted(api, cell.uuid);
  }
  return (await removeCell(api, cell.uuid)) ? 'has servers' : 'removed';
}

/** A cell may hold servers that the index does not have. */
async function holdsServers({ database_connection }: CellMapping, force: boolean): Promise<boolean> {
  try {
    return (await inCell(database_connection, 'tending', (database) => countServers(database, null))) > 0;
  } catch (error) {
    if (force) return false;
    throw error;
  }
}

/** How removing a host ended. */
export type HostRemoval = 'removed' | 'unknown cell' | 'unknown host' | 'of another cell' | 'has servers';

/**
 * Takes a host without servers out of its cell, with what it may still run of servers that have left it; its compute service stays in the cell's database,
 * so a discovery finds it again.
 * @throws DatabaseUnreachable when the cell does not answer.
 */
export async function deleteHost(api: Database, uuid: string, host: string): Promise<HostRemoval> {
  const cell = await findCell(api, uuid);
  if (!cell) return 'unknown cell';
  const mapping = await findHostMapping(api, host);
  if (!mapping) return 'unknown host';
  if (mapping.cell_uuid !== cell.uuid) return 'of another cell';
  const servers = await inCell(cell.database_connection, 'tending', (database) => countServers(database, host));
  if (servers > 0) return 'has servers';
  if (!(await removeHost(api, host))) return 'has servers';
  await inCell(cell.database_connection, 'tending', (database) => removeGuestsOfHost(database, host));
  return 'removed';
}
