/**
 * Where a boot ends that found no host: each server is written whole into cell0, in ERROR with the reason, then its mapping points there. A server is
 * visible as a build in progress until that moment, and as what became of it from then on.
 */
import { aimAtCell, commitToCell } from '../../database/api/build-requests.ts';
import { createInstances, type EndedBuild, type NewInstance } from '../../database/cell/instances.ts';
import { type Database, parseDatabaseUrl } from '../../database/data-api.ts';
import { cell0 } from '../cells.ts';
import type { Failure } from './failure.ts';

/**
 * Buries the servers that still have no cell; the others are left alone. What cell0 holds of a server that was deleted meanwhile is cleaned up later.
 * @returns those that were buried by this call.
 * @throws Error when cell0 is not registered, DatabaseUnreachable when it does not answer; the servers stay in BUILD until a later try.
 */
export async function buryInCell0(api: Database, execution: string, servers: readonly string[], failure: Failure): Promise<EndedBuild[]> {
  const requests = await aimAtCell(api, execution, servers, cell0);
  const now = new Date().toISOString();
  let connection: string | null = null;
  const buried: NewInstance[] = [];
  for (const request of requests.values()) {
    const { instance, requestId } = request;
    if (!instance) continue;
    connection = request.connection;
    buried.push({
      instance: {
        ...instance,
        vm_state: 'error',
        task_state: null,
        fault: { code: 500, message: failure.sentence, details: failure.details, created_at: now },
      },
      action: {
        request_id: requestId ?? '',
        event: 'conductor_schedule_and_build_instances',
        start_time: instance.created_at,
        finish_time: now,
        message: 'Error',
        result: 'Error',
        details: failure.details,
      },
    });
  }
  if (buried.length === 0) return [];
  if (!connection) throw new Error('cell0 is not registered');
  const database = parseDatabaseUrl(connection);
  const ended: EndedBuild[] = [];
  for (const batch of batches(buried)) {
    await createInstances(database, batch);
    const uuids = batch.map(({ instance }) => instance.uuid);
    const committed = await commitToCell(api, execution, uuids, cell0, 'free');
    ended.push(...batch.filter(({ instance }) => committed.has(instance.uuid)).map(endOf));
  }
  return ended;
}

function endOf({ instance, action }: NewInstance): EndedBuild {
  const { uuid, created_at, reservation_id } = instance;
  return { uuid, reservation_id, request_id: action.request_id, seconds: (Date.now() - Date.parse(created_at)) / 1000 };
}

/** A request to the Data API holds 4 MiB, in which the servers are JSON within JSON. */
const batchBytes = 3_500_000;

function batches(servers: readonly NewInstance[]): NewInstance[][] {
  const all: NewInstance[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const server of servers) {
    const size = Buffer.byteLength(JSON.stringify(JSON.stringify(server)));
    if (bytes + size > batchBytes) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(server);
    bytes += size;
  }
  return all;
}
