/**
 * Builds in a cell that have not ended. One that no host has begun is taken over, and so is one that a host has begun which is down: it goes to an alternate.
 * Any other host that has begun is waited for until the build is due, and one that is silent then leaves its server in ERROR.
 */

import type { CellCleanups } from '../../database/api/cells/pending-cleanups.ts';
import { takeOverBuilds } from '../../database/api/reaper/stalled-boots.ts';
import { failOverdueBuild } from '../../database/cell/instances/build.ts';
import type { InstanceState } from '../../database/cell/reaper.ts';
import type { Database } from '../../database/data-api/client.ts';
import { moveBuilds } from './move-builds.ts';
import type { Reaper } from './reap.ts';

/** What was done for the builds of a cell. */
export interface TendedBuilds {
  /** How many a new execution took on. */
  resumed: number;
  /** How many left a host that is down. */
  moved: number;
  /** How many ended because their host was silent. */
  overdue: number;
  /** Those that have still to end, with when they are due; undefined for one that is looked at again soon. */
  unfinished: ReadonlyMap<string, string | undefined>;
}

/** Sees to the builds among servers of a cell. */
export async function tendBuilds(
  reaper: Reaper,
  { cell, own }: CellCleanups,
  database: Database,
  states: readonly InstanceState[],
): Promise<TendedBuilds> {
  const { api, startBoot } = reaper;
  const builds = states.filter(({ vm_state, deleted }) => vm_state === 'building' && !deleted);
  const unfinished = new Map<string, string | undefined>();
  let overdue = 0;
  const endOverdue = async ({ uuid, host, fencing_token, task }: InstanceState) => {
    const dueAt = task?.due_at ?? undefined;
    const isDue = dueAt !== undefined && Date.parse(dueAt) <= Date.now();
    if (isDue && host !== null && (await failOverdueBuild(database, { uuid, fencing_token }, host))) overdue += 1;
    else unfinished.set(uuid, isDue ? undefined : dueAt);
  };
  const notes = new Map(own.map((cleanup) => [cleanup.uuid, cleanup]));
  const toMove = builds.flatMap(({ uuid, host, host_down, task }) => {
    const note = notes.get(uuid);
    return note && host !== null && host_down && task?.due_at != null ? [{ ...note, host, task }] : [];
  });
  const moved = await moveBuilds(reaper, cell.uuid, toMove);
  for (const { uuid } of toMove) unfinished.set(uuid, undefined);
  await Promise.all(builds.filter(({ uuid }) => !unfinished.has(uuid)).map(endOverdue));
  const stalled = new Set(builds.filter(({ task }) => task === null).map(({ uuid }) => uuid));
  const taken = own.filter(({ uuid }) => stalled.has(uuid));
  if (taken.length === 0) return { resumed: 0, moved, overdue, unfinished };
  const execution = `resume-${cell.uuid}-${Date.now()}`;
  const servers = await takeOverBuilds(api, execution, cell.uuid, taken);
  if (servers.length > 0) await startBoot({ execution, requestId: null, servers });
  return { resumed: servers.length, moved, overdue, unfinished };
}
