/**
 * Second step of a boot: the server goes into its cell. It is whole there before the mapping points to it, and the build request goes with the same
 * statement, so nobody ever sees half a server or none.
 */
import { commitToCell, findBuildRequests, releaseClaims } from '../../database/api/build-requests.ts';
import { createInstances, deleteInstance } from '../../database/cell/instances.ts';
import { type Database, parseDatabaseUrl } from '../../database/data-api.ts';
import type { CreateAction } from '../../database/instance.ts';
import type { SpawnRequest } from '../drivers/driver.ts';
import type { Placement } from './schedule-servers.ts';
import { ServerDeleted } from './server-deleted.ts';

/** What the next step needs: the server on its host, and the URL of the cell's database. */
export interface CreatedInCell extends SpawnRequest {
  connection: string;
}

/** Every host is in the default zone of Nova. */
const availabilityZone = 'nova';

/**
 * Writes the server into its cell and gives it to the cell.
 * @throws ServerDeleted when a delete came first; the claim is given back and nothing of the server lives on.
 */
export async function createInCell(api: Database, { server, cell, host }: Placement): Promise<CreatedInCell> {
  const request = (await findBuildRequests(api, [server], cell)).get(server);
  if (!request) return undo(api, server);
  const { instance, connection, spec } = request;
  if (!connection) throw new Error(`cell ${cell} is not registered`);
  const created = { server, host, flavor: spec.flavor, image: spec.image, connection };
  if (!instance) return created;

  const database = parseDatabaseUrl(connection);
  const action: CreateAction = {
    request_id: request.requestId ?? '',
    event: 'compute__do_build_and_run_instance',
    start_time: instance.created_at,
    finish_time: null,
    result: null,
    message: null,
    details: null,
  };
  const placed = { ...instance, host, node: host, availability_zone: availabilityZone, task_state: 'spawning' };
  await createInstances(database, [{ instance: placed, action }]);
  const committed = await commitToCell(api, [server], cell, 'keep');
  if (!committed.has(server)) {
    await deleteInstance(database, server, {
      requestId: action.request_id,
      userId: instance.user_id,
      projectId: instance.project_id,
      force: true,
    });
    return undo(api, server);
  }
  return created;
}

async function undo(api: Database, server: string): Promise<never> {
  await releaseClaims(api, [server]);
  throw new ServerDeleted(`${server} was deleted before it had a cell`);
}
