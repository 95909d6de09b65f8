/** The one way in which a task ends: by a report of its host, which may come at once, late, twice, out of order, or from the reaper in its place. */
import { returnQuotaOfSoftDeleted } from '../../../database/api/servers/soft-deleted.ts';
import { activateSnapshot, removeSnapshot } from '../../../database/api/snapshots.ts';
import { type EndedTask, endReplacedTask, endTask } from '../../../database/cell/tasks.ts';
import { storableText } from '../../../database/data-api/storable-text.ts';
import type { TaskName } from '../../../database/servers/task.ts';
import { inCell } from '../../cells/reach.ts';
import type { Report } from '../../hosts/drivers/driver.ts';
import { reclaimTime } from '../reclaim-time.ts';
import type { ServerAction } from './actions.ts';
import type { Tasks } from './tasks.ts';

/** What a report was about: the server as its task left it; of a task whose place another had taken, its record alone. */
export interface AppliedReport {
  server?: EndedTask;
}

/**
 * Applies a report to the task that it names. An image that it made is active before the task ends: what stops in between is done again by who ends the task.
 * That of a failed task goes afterwards: a failure of an earlier attempt must not take it from a later one. What is left of it goes with the server's note.
 * A server that it leaves SOFT_DELETED holds no quota from then on, and is noted for the time when it is reclaimed.
 * @param cell URL of the database of the server's cell.
 * @returns undefined when that task has ended, or another took its place; then nothing is changed, but for an image that is whole.
 * @throws DatabaseUnreachable when a database does not answer; what was to follow in the api database, the reaper does.
 */
export async function applyReport(
  { api, settings }: Pick<Tasks, 'api' | 'settings'>,
  cell: string,
  { after, failed, taskState, makesImage }: ServerAction,
  task: TaskName,
  report: Report,
): Promise<AppliedReport | undefined> {
  const unchanged = { vm_state: null, power_state: null, launched: false };
  const end =
    report.result === 'success'
      ? { ...unchanged, ...after, failure: null }
      : // What a host says must not keep its task from its end.
        { ...unchanged, vm_state: failed === 'error' ? ('error' as const) : null, failure: storableText(report.message) };
  if (makesImage && report.result === 'success' && report.image) await activateSnapshot(api, task, report.image);
  const ended = await inCell(cell, 'changing', async (database) => {
    const server = await endTask(database, task, end);
    if (server) return { server };
    // What shows no task state keeps no other action from being accepted, and is not stopped by it.
    return taskState === null && (await endReplacedTask(database, task, end.failure)) ? {} : undefined;
  });
  if (makesImage && ended && report.result === 'failure') await removeSnapshot(api, task);
  const { deleted_at, note } = ended?.server ?? {};
  if (deleted_at && note) {
    const due_at = reclaimTime(settings, Date.parse(deleted_at));
    await returnQuotaOfSoftDeleted(api, [{ uuid: task.server, generation: note, due_at }], 0);
  }
  return ended;
}
