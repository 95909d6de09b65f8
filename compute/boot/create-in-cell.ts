/**
 * Second step of a boot: the server goes into its cell. It is whole there before the mapping points to it, and the build request goes with the same
 * statement, so nobody ever sees half a server or none.
 */
import { aimAtCell, type BuildRequest, commitToCell } from '../../database/api/build-requests.ts';
import { noteStray } from '../../database/api/cell-work.ts';
import { releaseClaimsOfDeleted } from '../../database/api/release.ts';
import { createInstances, placeInstance } from '../../database/cell/instances.ts';
import { type Database, parseDatabaseUrl } from '../../database/data-api.ts';
import type { CreateAction } from '../../database/instance.ts';
import type { SpawnRequest } from '../drivers/driver.ts';
import type { Placement } from './schedule-servers.ts';
import { ServerGone } from './server-gone.ts';

/** What the next step needs: the server on its host, the hosts to try after it, and the URL of the cell's database. */
export interface CreatedInCell extends SpawnRequest {
  connection: string;
  alternates: string[];
  /** On how many hosts the server was tried, this one included. */
  attempt: number;
}

/**
 * Writes the server into its cell and gives it to the cell. A server that the cell has already is only put on its host.
 * @throws ServerGone when it was deleted, or another execution has it now.
 */
export async function createInCell(api: Database, placement: Placement): Promise<CreatedInCell> {
  const { execution, server, cell, host, zone, alternates } = placement;
  const request = (await aimAtCell(api, execution, [server], cell)).get(server);
  if (!request) return gone(api, server);
  const { connection, mappedTo, spec } = request;
  if (!connection) throw new Error(`cell ${cell} is not registered`);
  const database = parseDatabaseUrl(connection);
  const created = { server, host, flavor: spec.flavor, image: spec.image, connection, alternates, attempt: 1 };

  if (mappedTo === cell) {
    await placeInstance(database, server, host, zone);
    return created;
  }
  const row = newInstance(request, host, zone);
  if (!row) return gone(api, server);
  const written = await createInstances(database, [row]);
  const committed = await commitToCell(api, execution, [server], cell, 'keep');
  if (!committed.has(server)) {
    // Whoever took the server away noted this cell; a reaper may have been here before the row was.
    await noteStray(api, cell, server);
    return gone(api, server);
  }
  // An earlier execution had written it, for the host that it had claimed then.
  if (!written.has(server)) await placeInstance(database, server, host, zone);
  return created;
}

function newInstance({ instance, requestId }: BuildRequest, host: string, zone: string) {
  if (!instance) return undefined;
  const action: CreateAction = {
    request_id: requestId ?? '',
    event: 'compute__do_build_and_run_instance',
    start_time: instance.created_at,
    finish_time: null,
    result: null,
    message: null,
    details: null,
  };
  return { instance: { ...instance, host, node: host, availability_zone: zone, task_state: 'spawning' }, action };
}

/** A delete that came between our claim and now did not see the claim. */
async function gone(api: Database, server: string): Promise<never> {
  await releaseClaimsOfDeleted(api, [server]);
  throw new ServerGone(`${server} was deleted, or another execution has it`);
}
