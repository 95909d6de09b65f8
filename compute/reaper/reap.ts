/**
 * Nothing hangs: what a workflow or a delete left unfinished is finished here. The api database says what may be left and where, so cells with nothing to
 * do are not woken. Every part is idempotent and may run at any time, twice, and beside the work that it finishes; a cell that does not answer delays its
 * own part only.
 */
import { type CellCleanups, completeCleanups, listPendingCleanups, touchCleanups } from '../../database/api/cells/pending-cleanups.ts';
import { type StalledBoot, takeOverStalledBoots } from '../../database/api/reaper/stalled-boots.ts';
import { noteImages } from '../../database/api/servers/images-of-servers.ts';
import { releaseAllocationsOfDeleted, releaseAllocationsOfFailed } from '../../database/api/servers/release.ts';
import { findInstanceStates, type InstanceState, purgeInstances } from '../../database/cell/reaper.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { FencedServer } from '../../database/servers/ownership.ts';
import type { FailedBuild } from '../boot/schedule-servers.ts';
import { inCells } from '../cells/reach.ts';
import type { Driver } from '../hosts/drivers/driver.ts';
import { endDeleted } from '../servers/end-deleted.ts';
import { resumeTask } from '../servers/tasks/resume-task.ts';
import { defaultSettings, type Settings } from '../settings.ts';
import { settleMoves } from './settle-moves.ts';
import { tendBuilds } from './tend-builds.ts';
import { tendHosts } from './tend-hosts.ts';
import { tendSoftDeleted } from './tend-soft-deleted.ts';

/** What the reaper works with. */
export interface Reaper {
  api: Database;
  driver: Driver;
  /** Nova's defaults where there are none. */
  settings?: Settings;
  /** Starts the boot workflow under the execution's name. */
  startBoot(boot: StartedBoot): Promise<void>;
  /**
   * After how many seconds without a heartbeat work counts as stalled. What is still going on is fenced off when it is taken over, so a short time is
   * wasteful, not wrong; but only after the longest life of a step is a row that it may have left in a cell gone for good.
   */
  silence: number;
}

/** A boot that a new execution takes on; a resumed one may be of several requests. */
export interface StartedBoot extends Omit<StalledBoot, 'requestId'> {
  requestId: string | null;
  /** Of the execution that runs, where that is not the owner's: an owner has several. */
  name?: string;
  /** The build that it goes on from. */
  failed?: FailedBuild;
}

/** As many as the SDK has connections. */
const startsAtOnce = 50;

/** What a run did, in servers. */
export interface Reaped {
  /** Boots without a cell that a new execution took on. */
  restarted: number;
  /** Builds in a cell that a new execution took on. */
  resumed: number;
  /** Builds that a host which is down had begun, and that go to another. */
  moved: number;
  /** What hosts that are up again still ran of servers that had left them, and have ended. */
  guestsEnded: number;
  /** Builds and tasks that failed because their host was silent, or could not be asked. */
  overdue: number;
  /** Deleted or failed servers whose allocations and quota were released; not those whose hosts have still to end them. */
  released: number;
  /** Tasks of which the host was asked again. */
  tasks: number;
  /** Seconds since the host was asked that is asked for longest, of the tasks that were looked at; 0 without any. */
  oldestTask: number;
  /** Servers of which a cell that is not theirs was cleaned. */
  purged: number;
  /** Names of the cells that did not answer. */
  unreachable: string[];
}

/**
 * Looks everywhere once.
 * @throws a fault of ours in a cell, when all others have been seen to.
 */
export async function reap(reaper: Reaper): Promise<Reaped> {
  const { api, silence, startBoot } = reaper;
  const stalled = await takeOverStalledBoots(api, silence);
  await startAll(stalled, startBoot);
  await releaseAllocationsOfDeleted(api, null);
  const reaped: Reaped = {
    restarted: stalled.flatMap(({ servers }) => servers).length,
    resumed: 0,
    moved: 0,
    guestsEnded: 0,
    overdue: 0,
    released: 0,
    tasks: 0,
    oldestTask: 0,
    purged: 0,
    unreachable: [],
  };
  const cleanups = await listPendingCleanups(api, silence);
  const cells = cleanups.map((ofCell) => ({ ...ofCell.cell, ofCell }));
  const { failures, faults } = await inCells(cells, 'tending', ({ ofCell }, database) => reapCell(reaper, ofCell, database, reaped));
  if (faults.length > 0) throw faults[0];
  reaped.unreachable = failures.map(({ cell }) => cell);
  return reaped;
}

/**
 * Starts boots, some at a time: a service that is asked for thousands at once answers the last of them too late.
 * @throws the first error, when all others have been started: what was not started is taken over again.
 */
async function startAll(boots: readonly StartedBoot[], startBoot: Reaper['startBoot']): Promise<void> {
  const errors: unknown[] = [];
  for (let first = 0; first < boots.length; first += startsAtOnce) {
    const started = await Promise.allSettled(boots.slice(first, first + startsAtOnce).map(startBoot));
    errors.push(...started.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])));
  }
  if (errors.length > 0) throw errors[0];
}

async function reapCell(reaper: Reaper, cleanups: CellCleanups, database: Database, reaped: Reaped): Promise<void> {
  const { api } = reaper;
  const { cell, own, orphaned, hosts } = cleanups;
  if (hosts.length > 0) {
    const tended = await tendHosts(reaper, cell, hosts, database);
    reaped.moved += tended.moved;
    reaped.guestsEnded += tended.guestsEnded;
  }
  const states = own.length > 0 ? await findInstanceStates(database, uuidsOf(own)) : [];
  if (orphaned.length > 0) await purgeInstances(database, orphaned);
  reaped.purged += orphaned.length;

  const asked = states.flatMap(({ task, deleted }) => (task && !deleted ? [Date.now() - Date.parse(task.asked_at)] : []));
  reaped.oldestTask = Math.max(reaped.oldestTask, ...asked.map((milliseconds) => milliseconds / 1_000));
  const builds = await tendBuilds(reaper, cleanups, database, states);
  reaped.resumed += builds.resumed;
  reaped.moved += builds.moved;
  reaped.overdue += builds.overdue;
  const softDeleted = await tendSoftDeleted(reaper, cleanups, database, states);
  const deleted = [...states.filter((state) => state.deleted), ...softDeleted.reclaimed];
  const ended = await endDeleted(api, reaper.driver, cell.database_connection, deleted);
  reaped.released += ended.size + (await releaseFailed(api, states, own));
  const rebuilt = states.flatMap(({ uuid, deleted, rebuilt: image }) => (image && !deleted ? { uuid, ...image } : []));
  if (rebuilt.length > 0) await noteImages(api, rebuilt);
  const built = states.filter((state) => !state.deleted && state.vm_state !== 'building');
  const tasks = await resumeTasks(reaper, cell.database_connection, built);
  await settleMoves(api, states, own);
  reaped.tasks += tasks.asked;
  reaped.overdue += tasks.failed;
  const ending = uuidsOf(deleted).filter((uuid) => !ended.has(uuid));
  const due = new Map([...builds.unfinished, ...tasks.unfinished]);
  const unfinished = new Set([...ending, ...due.keys(), ...softDeleted.waiting]);
  const waiting = own.flatMap((cleanup) => {
    const due_at = due.get(cleanup.uuid);
    return due_at ? [{ ...cleanup, due_at }] : [];
  });
  if (waiting.length > 0) await touchCleanups(api, cell.uuid, waiting);
  const done = [...orphaned, ...own.filter(({ uuid }) => !unfinished.has(uuid))];
  if (done.length > 0) await completeCleanups(api, cell.uuid, done, reaper.silence);
  if (tasks.errors.length > 0) throw tasks.errors[0];
}

/** Resumes the tasks of servers of a cell, and returns when those that have not ended are due; undefined for one that could not be resumed now. */
async function resumeTasks({ api, driver, silence, settings = defaultSettings }: Reaper, cell: string, states: readonly InstanceState[]) {
  const unfinished = new Map<string, string | undefined>();
  const errors: unknown[] = [];
  const done = { asked: 0, failed: 0, nothing: 0 };
  const resume = async ({ uuid: server, host, fencing_token, task }: InstanceState) => {
    if (!host || !task) return;
    unfinished.set(server, undefined);
    try {
      const after = await resumeTask({ api, driver, settings }, silence, { cell, server, host, fencing_token, task });
      done[after.done] += 1;
      if (after.dueAt === null) unfinished.delete(server);
      else unfinished.set(server, after.dueAt);
    } catch (error) {
      errors.push(error);
    }
  };
  await Promise.all(states.map(resume));
  return { unfinished, errors, ...done };
}

/**
 * Finishes failed builds that stopped between the cell and the api database. A failed server is seen to for the owner that the mapping named before the cell
 * was asked: one that came since knows better.
 */
async function releaseFailed(api: Database, states: readonly InstanceState[], own: readonly FencedServer[]): Promise<number> {
  const failed = states.filter((state) => !state.deleted && state.vm_state === 'error' && state.host === null);
  const withoutHost = new Set(uuidsOf(failed));
  if (failed.length > 0) {
    await releaseAllocationsOfFailed(
      api,
      own.filter(({ uuid }) => withoutHost.has(uuid)),
    );
  }
  return failed.length;
}

const uuidsOf = (servers: readonly Pick<FencedServer, 'uuid'>[]) => servers.map(({ uuid }) => uuid);
