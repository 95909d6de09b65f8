/**
 * Where a boot ends that found no host: each server is written whole into cell0, in ERROR with the reason, then its mapping points there. A server is
 * visible as a build in progress until that moment, and as what became of it from then on.
 */

import { noteOrphanedRows } from '../../database/api/cells/pending-cleanups.ts';
import { commitToCell, setTargetCell } from '../../database/api/servers/build-requests.ts';
import type { EndedBuild } from '../../database/cell/instances/build.ts';
import { buryAgain } from '../../database/cell/instances/buried.ts';
import { createInstances, instanceRelations, type NewInstance, type Relation } from '../../database/cell/instances/create.ts';
import { batches } from '../../database/data-api/batches.ts';
import type { Database } from '../../database/data-api/client.ts';
import { isRefusal } from '../../database/data-api/unreachable.ts';
import type { CreateAction } from '../../database/servers/document.ts';
import { cell0 } from '../cells/cell0.ts';
import { inCell } from '../cells/reach.ts';
import type { Failure } from './failure.ts';
import { recordBuild } from './record-build.ts';

/**
 * Buries the servers that this execution owns and that still have no cell; the others are left alone. What cell0 holds of a server that was deleted or taken
 * over meanwhile is cleaned up later. What keeps a server from being written whole does not keep it from being buried, and no server keeps another.
 * @returns those that were buried by this call.
 * @throws Error when cell0 is not registered or takes a server in no form, DatabaseUnreachable when it does not answer; the servers stay in BUILD until a later try.
 */
export async function buryInCell0(api: Database, execution: string, servers: readonly string[], failure: Failure): Promise<EndedBuild[]> {
  const requests = await setTargetCell(api, execution, servers, cell0);
  const now = new Date().toISOString();
  let connection: string | null = null;
  const buried: Burial[] = [];
  for (const request of requests.values()) {
    const { instance, former, fencingToken } = request;
    connection = request.connection;
    if (!instance || fencingToken === null) continue;
    buried.push({
      instance: {
        ...instance,
        execution,
        fencing_token: fencingToken,
        vm_state: 'error',
        task_state: null,
        secrets: null,
        system_metadata: { ...instance.system_metadata, first_cause: failure.cause },
        fault: { code: 500, message: failure.sentence, details: failure.details, created_at: now },
      },
      actions: recordBuild(request, instance, {
        event: 'conductor_schedule_and_build_instances',
        finish_time: now,
        result: 'Error',
        details: failure.details,
      }),
      former_token: former?.fencing_token ?? null,
    });
  }
  if (requests.size > 0 && !connection) throw new Error('cell0 is not registered');
  if (!connection || buried.length === 0) return [];
  const ended: EndedBuild[] = [];
  let unburied: Error | undefined;
  for (const batch of batches(buried)) {
    const { written, refusal } = await inCell(connection, 'changing', (database) => bury(database, batch));
    unburied ??= refusal;
    const owned = batch.map(({ instance: { uuid, fencing_token } }) => ({ uuid, fencing_token })).filter(({ uuid }) => written.has(uuid));
    const committed = await commitToCell(api, execution, owned, cell0, 'release');
    const orphaned = owned.filter(({ uuid }) => !committed.has(uuid));
    // The execution that took a server over noted cell0; a reaper may have been here before the row was.
    if (orphaned.length > 0) await noteOrphanedRows(api, cell0, orphaned);
    ended.push(...batch.filter(({ instance }) => committed.has(instance.uuid)).map(endOf));
    // Those that their client changed meanwhile are still ours, and are written again.
    const again = orphaned.map(({ uuid }) => uuid);
    if (again.length > 0) ended.push(...(await buryInCell0(api, execution, again, failure)));
  }
  if (unburied) throw unburied;
  return ended;
}

/** A server as it goes into cell0. */
interface Burial extends NewInstance {
  /** Up to which token cell0 has a row of it from before; null for one that it never had. */
  former_token: number | null;
}

/** Writes servers into cell0: those that are back take their rows again, where these are still there. */
async function bury(database: Database, servers: readonly Burial[]): Promise<Written> {
  const back = servers.flatMap((server) => (server.former_token === null ? [] : [{ ...server, former_token: server.former_token }]));
  const again = back.length > 0 ? await buryAgain(database, back) : new Set<string>();
  const others = servers.filter(({ instance }) => !again.has(instance.uuid));
  if (others.length === 0) return { written: again, refusal: undefined };
  const { written, refusal } = await write(database, others);
  return { written: new Set([...again, ...written]), refusal };
}

/** What was written, and the refusal of a server that cell0 takes in no form. */
interface Written {
  written: Set<string>;
  refusal: Error | undefined;
}

/** Writes servers together if cell0 takes them; if not, those that it does not take are found and written with what it takes of them. */
async function write(database: Database, servers: readonly NewInstance[]): Promise<Written> {
  try {
    return { written: await createInstances(database, servers), refusal: undefined };
  } catch (error) {
    if (!isRefused(error)) throw error;
    const [server, ...others] = servers;
    if (server && others.length === 0) return writeWithout(database, server, error);
    const middle = Math.ceil(servers.length / 2);
    const [first, second] = [await write(database, servers.slice(0, middle)), await write(database, servers.slice(middle))];
    return { written: new Set([...first.written, ...second.written]), refusal: first.refusal ?? second.refusal };
  }
}

/** What may be left out of a server: one relation; if that is not enough all that its client filled; and at last all. */
const reductions: readonly (readonly Relation[])[] = [
  ...instanceRelations.map((relation) => [relation]),
  ['instance_metadata', 'instance_system_metadata', 'tags', 'block_device_mapping', 'security_group_instance_association'],
  instanceRelations,
];

/** Writes a server without what cell0 refuses of it. What is left out stands in the reasons, for the admin. */
async function writeWithout(database: Database, { instance, actions: [create, ...others] }: NewInstance, refusal: Error): Promise<Written> {
  for (const leftOut of reductions) {
    const note = `\ncell0 refused ${leftOut.join(', ')}: ${refusal.message}`;
    const fault = instance.fault && { ...instance.fault, details: instance.fault.details + note };
    const [event, ...earlier] = create.events;
    const noted: CreateAction = { ...create, events: [{ ...event, details: event.details + note }, ...earlier] };
    const server: NewInstance = { instance: { ...instance, fault }, actions: [noted, ...others] };
    try {
      return { written: await createInstances(database, [server], leftOut), refusal: undefined };
    } catch (error) {
      if (!isRefused(error)) throw error;
    }
  }
  return { written: new Set(), refusal };
}

function isRefused(error: unknown): error is Error {
  return error instanceof Error && isRefusal(error);
}

function endOf({ instance: { uuid, reservation_id }, actions: [create] }: NewInstance): EndedBuild {
  const seconds = (Date.now() - Date.parse(create.events[0].start_time)) / 1000;
  return { uuid, reservation_id, request_id: create.request_id, seconds };
}
