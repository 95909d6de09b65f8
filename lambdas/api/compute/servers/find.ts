/** A server that a request names, with all its fields: for what cannot be said of one whose cell does not answer. */
import { findServer, type Server, type WholeServer } from '../../../../compute/servers/find-server.ts';
import { apiDatabase, DatabaseUnreachable } from '../../../shared/database.ts';
import type { ApiRequest } from '../../http/routing/route.ts';

/** @throws NotFound when there is none for the caller, DatabaseUnreachable when its cell does not answer. */
export async function findWholeServer({ caller, params }: Pick<ApiRequest, 'caller' | 'params'>): Promise<WholeServer> {
  const server = await findServer(apiDatabase(), caller, params.id ?? '');
  if (!isWhole(server)) throw new DatabaseUnreachable(`The cell of instance ${server.mapping.uuid} does not answer.`);
  return server;
}

function isWhole(server: Server): server is WholeServer {
  return server.instance !== null;
}
