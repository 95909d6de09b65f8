/**
 * Second step of a boot: the server goes into its cell. It is whole there before the mapping points to it, and the build request goes with the same
 * statement, so nobody ever sees half a server or none.
 */

import { noteOrphanedRows } from '../../database/api/cells/pending-cleanups.ts';
import { type BuildRequest, commitToCell, setTargetCell } from '../../database/api/servers/build-requests.ts';
import { releaseAllocationsOfDeleted } from '../../database/api/servers/release.ts';
import { placeInstance } from '../../database/cell/instances/build.ts';
import { createInstances, type NewInstance } from '../../database/cell/instances/create.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { Instance } from '../../database/servers/document.ts';
import type { Owner } from '../../database/servers/ownership.ts';
import { inCell } from '../cells/reach.ts';
import type { Build, Spawn } from '../hosts/drivers/driver.ts';
import type { CaughtError } from './failure.ts';
import { OwnershipLost } from './ownership-lost.ts';
import { recordBuild } from './record-build.ts';
import type { Placement } from './schedule-servers.ts';

/** What the next step needs: which server on which host, the hosts to try after it, and the URL of the cell's database. */
export interface CreatedInCell extends Pick<Spawn, 'server' | 'host'>, Build, Owner {
  connection: string;
  /** What the host reported, where it has failed already. */
  reported?: CaughtError | undefined;
}

/** What the next step needs, and the server, which no state of an execution holds. */
export interface CreatedInstance {
  created: CreatedInCell;
  instance: Instance;
}

/**
 * Writes the server into its cell and commits it there. A server that the cell has already is only put on its host.
 * @throws OwnershipLost when it was deleted, or another execution has it now.
 */
export async function createInCell(api: Database, placement: Placement): Promise<CreatedInstance> {
  const { execution, server, cell, host, zone } = placement;
  const { alternates, attempt, failure: reported } = buildOf(placement);
  const request = (await setTargetCell(api, execution, [server], cell)).get(server);
  if (!request) return ownershipLost(api, server);
  const { connection, mappedTo, fencingToken: fencing_token } = request;
  if (!connection) throw new Error(`cell ${cell} is not registered`);
  if (fencing_token === null) return ownershipLost(api, server);
  const owner = { execution, fencing_token };
  const created = {
    ...owner,
    server,
    host,
    connection,
    alternates,
    attempt,
    ...(reported && { reported }),
  };

  if (mappedTo === cell) {
    const instance = await inCell(connection, 'changing', (database) => placeInstance(database, server, owner, host, zone));
    return instance ? { created, instance } : ownershipLost(api, server);
  }
  const row = newInstance(request, owner, host, zone);
  if (!row) return ownershipLost(api, server);
  const written = await inCell(connection, 'changing', (database) => createInstances(database, [row]));
  if (!written.has(server)) return ownershipLost(api, server);
  const committed = await commitToCell(api, execution, [{ uuid: server, fencing_token }], cell, 'keep');
  if (!committed.has(server)) {
    // The execution that took the server over noted this cell; a reaper may have been here before the row was.
    await noteOrphanedRows(api, cell, [{ uuid: server, fencing_token }]);
    // It is still ours when its client changed it meanwhile; then it is written again.
    return createInCell(api, placement);
  }
  return { created, instance: row.instance };
}

/** How far the build is. A server that has left the host that failed is tried on its new one, and on those after it. */
function buildOf({ host, alternates, failed }: Placement): Pick<Build, 'alternates' | 'attempt'> & { failure?: CaughtError } {
  if (failed?.host === host) return failed;
  const position = failed?.alternates.indexOf(host) ?? -1;
  if (!failed || position < 0) return { alternates, attempt: 1 };
  return { alternates: failed.alternates.slice(position + 1), attempt: failed.attempt + 1 };
}

function newInstance(request: BuildRequest, owner: Owner, host: string, zone: string): NewInstance | undefined {
  const { instance, spec } = request;
  if (!instance) return undefined;
  const event = { event: 'compute__do_build_and_run_instance', finish_time: null, result: null, details: null };
  const { availability_zone, scheduler_hints, group = null } = spec;
  const placed = { ...owner, host, node: host, availability_zone: zone, task_state: 'scheduling' as const };
  return {
    instance: { ...instance, ...placed, request_spec: { availability_zone, scheduler_hints, group } },
    actions: recordBuild(request, instance, event),
  };
}

/** A delete that came between our claim and now did not see the claim. */
async function ownershipLost(api: Database, server: string): Promise<never> {
  await releaseAllocationsOfDeleted(api, [server]);
  throw new OwnershipLost(`${server} was deleted, or another execution has it`);
}
