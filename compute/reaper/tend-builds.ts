/**
 * Builds in a cell that have not ended. One that no host has begun is taken over; a host that has begun is waited for until the build is due, and one that is
 * silent then leaves its server in ERROR.
 */

import type { CellCleanups } from '../../database/api/cells/pending-cleanups.ts';
import { takeOverBuilds } from '../../database/api/reaper/stalled-boots.ts';
import { failOverdueBuild } from '../../database/cell/instances/build.ts';
import type { InstanceState } from '../../database/cell/reaper.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { Reaper } from './reap.ts';

/** What was done for the builds of a cell. */
export interface TendedBuilds {
  /** How many a new execution took on. */
  resumed: number;
  /** How many ended because their host was silent. */
  overdue: number;
  /** Those that have still to end, with when they are due; undefined for one that is looked at again soon. */
  unfinished: ReadonlyMap<string, string | undefined>;
}

/** Sees to the builds among servers of a cell. */
export async function tendBuilds(
  { api, startBoot }: Reaper,
  { cell, own }: CellCleanups,
  database: Database,
  states: readonly InstanceState[],
): Promise<TendedBuilds> {
  const builds = states.filter(({ vm_state, deleted }) => vm_state === 'building' && !deleted);
  const unfinished = new Map<string, string | undefined>();
  let overdue = 0;
  const endOverdue = async ({ uuid, host, fencing_token, task }: InstanceState) => {
    const dueAt = task?.due_at ?? undefined;
    const isDue = dueAt !== undefined && Date.parse(dueAt) <= Date.now();
    if (isDue && host !== null && (await failOverdueBuild(database, { uuid, fencing_token }, host))) overdue += 1;
    else unfinished.set(uuid, isDue ? undefined : dueAt);
  };
  await Promise.all(builds.map(endOverdue));
  const stalled = new Set(builds.filter(({ task }) => task === null).map(({ uuid }) => uuid));
  const taken = own.filter(({ uuid }) => stalled.has(uuid));
  if (taken.length === 0) return { resumed: 0, overdue, unfinished };
  const execution = `resume-${cell.uuid}-${Date.now()}`;
  const servers = await takeOverBuilds(api, execution, cell.uuid, taken);
  if (servers.length > 0) await startBoot({ execution, requestId: null, servers });
  return { resumed: servers.length, overdue, unfinished };
}
