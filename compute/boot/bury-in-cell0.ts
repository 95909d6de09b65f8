/**
 * Where a boot ends that found no host: each server is written whole into cell0, in ERROR with the reason, then its mapping points there. A server is
 * visible as a build in progress until that moment, and as what became of it from then on.
 */

import { noteOrphanedRows } from '../../database/api/cells/pending-cleanups.ts';
import { commitToCell, setTargetCell } from '../../database/api/servers/build-requests.ts';
import { createInstances, type EndedBuild, type NewInstance } from '../../database/cell/instances.ts';
import { type Database, parseDatabaseUrl } from '../../database/data-api/client.ts';
import { cell0 } from '../cells/cell0.ts';
import type { Failure } from './failure.ts';

/**
 * Buries the servers that this execution owns and that still have no cell; the others are left alone. What cell0 holds of a server that was deleted or taken
 * over meanwhile is cleaned up later.
 * @returns those that were buried by this call.
 * @throws Error when cell0 is not registered, DatabaseUnreachable when it does not answer; the servers stay in BUILD until a later try.
 */
export async function buryInCell0(api: Database, execution: string, servers: readonly string[], failure: Failure): Promise<EndedBuild[]> {
  const requests = await setTargetCell(api, execution, servers, cell0);
  const now = new Date().toISOString();
  let connection: string | null = null;
  const buried: NewInstance[] = [];
  for (const request of requests.values()) {
    const { instance, requestId, fencingToken } = request;
    connection = request.connection;
    if (!instance || fencingToken === null) continue;
    buried.push({
      instance: {
        ...instance,
        execution,
        fencing_token: fencingToken,
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
  if (requests.size > 0 && !connection) throw new Error('cell0 is not registered');
  if (!connection || buried.length === 0) return [];
  const database = parseDatabaseUrl(connection);
  const ended: EndedBuild[] = [];
  for (const batch of batches(buried)) {
    const written = await createInstances(database, batch);
    const owned = batch.map(({ instance: { uuid, fencing_token } }) => ({ uuid, fencing_token })).filter(({ uuid }) => written.has(uuid));
    const committed = await commitToCell(api, execution, owned, cell0, 'release');
    const orphaned = owned.filter(({ uuid }) => !committed.has(uuid));
    // The execution that took a server over noted cell0; a reaper may have been here before the row was.
    if (orphaned.length > 0) await noteOrphanedRows(api, cell0, orphaned);
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
