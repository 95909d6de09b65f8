/** The one way in which a task ends: by a report of its host, which may come at once, late, twice, out of order, or from the reaper in its place. */
import { returnQuotaOfSoftDeleted } from '../../../database/api/servers/soft-deleted.ts';
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
 * Applies a report to the task that it names. A server that it leaves SOFT_DELETED holds no quota from then on, and is noted for the time when it is reclaimed.
 * @param cell URL of the database of the server's cell.
 * @returns undefined when that task has ended, or another took its place; then nothing is changed.
 * @throws DatabaseUnreachable when the cell does not answer, or the api database to what follows; the reaper does that.
 */
export async function applyReport(
  { api, settings }: Pick<Tasks, 'api' | 'settings'>,
  cell: string,
  { after, failed, taskState }: ServerAction,
  task: TaskName,
  report: Report,
): Promise<AppliedReport | undefined> {
  const unchanged = { vm_state: null, power_state: null, launched: false };
  const end =
    report.result === 'success'
      ? { ...unchanged, ...after, failure: null }
      : // What a host says must not keep its task from its end.
        { ...unchanged, vm_state: failed === 'error' ? ('error' as const) : null, failure: storableText(report.message) };
  const ended = await inCell(cell, 'changing', async (database) => {
    const server = await endTask(database, task, end);
    if (server) return { server };
    // What shows no task state keeps no other action from being accepted, and is not stopped by it.
    return taskState === null && (await endReplacedTask(database, task, end.failure)) ? {} : undefined;
  });
  const { deleted_at, note } = ended?.server ?? {};
  if (deleted_at && note) {
    const due_at = reclaimTime(settings, Date.parse(deleted_at));
    await returnQuotaOfSoftDeleted(api, [{ uuid: task.server, generation: note, due_at }], 0);
  }
  return ended;
}
