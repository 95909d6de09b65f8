/** Servers by their name, for an operator who knows no id. Names are not in the index, so every cell is asked, and woken. */
import { findBuildRequestsNamed } from '../../database/api/audit/servers.ts';
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import { findServersNamed, type NamedServer } from '../../database/cell/audit.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type CellFailure, inCells } from '../cells/reach.ts';

export type { NamedServer };

/** The servers that have a name: the living ones, or where there is none the deleted ones; and the cells that could not be asked. */
export interface ServersNamed {
  servers: NamedServer[];
  failures: CellFailure[];
}

/**
 * Finds the servers that have a name in all projects, the newest first.
 * @throws DatabaseUnreachable when the api database does not answer.
 */
export async function findServersByName(api: Database, name: string): Promise<ServersNamed> {
  // The api database comes first: a server that gets its cell meanwhile is then found twice, and not missed.
  const waiting = await findBuildRequestsNamed(api, name);
  const mappings = await listCellMappings(api);
  const { results, failures, faults } = await inCells(mappings, 'tending', (_, database) => findServersNamed(database, name));
  if (faults.length > 0) throw faults[0];
  const found = new Map<string, NamedServer>(waiting.map((server) => [server.uuid, { ...server, deleted: false }]));
  for (const server of results.flatMap(({ result }) => result)) found.set(server.uuid, server);
  const servers = [...found.values()].sort((a, b) => Date.parse(b.created) - Date.parse(a.created));
  const living = servers.filter(({ deleted }) => !deleted);
  return { servers: living.length > 0 ? living : servers, failures };
}
