/** A server that a request names, with all its fields: for what cannot be said of one whose cell does not answer. */
import { findServer, type Instance, type Server, type WholeServer } from '../../../../compute/servers/find-server.ts';
import { apiDatabase, DatabaseUnreachable } from '../../../shared/database.ts';
import type { ApiRequest } from '../../http/routing/route.ts';

/** @throws NotFound when there is none for the caller, DatabaseUnreachable when its cell does not answer. */
export async function findWholeServer({ caller, params }: Pick<ApiRequest, 'caller' | 'params'>): Promise<WholeServer> {
  const server = await findServer(apiDatabase(), caller, params.id ?? '');
  expectWhole(server);
  return server;
}

/** @throws DatabaseUnreachable when the cell of the server does not answer. */
export function expectWhole<Found extends Pick<Server, 'instance'> & { mapping: { uuid: string } }>(
  server: Found,
): asserts server is Found & { instance: Instance } {
  if (!server.instance) throw new DatabaseUnreachable(`The cell of instance ${server.mapping.uuid} does not answer.`);
}
