/** The one way in which a task ends: by a report of its host, which may come at once, late, twice, out of order, or from the reaper in its place. */
import { activateSnapshot, removeSnapshot } from '../../../database/api/snapshots.ts';
import { endReplacedTask, endTask } from '../../../database/cell/tasks.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { storableText } from '../../../database/data-api/storable-text.ts';
import type { TaskName } from '../../../database/servers/task.ts';
import { inCell } from '../../cells/reach.ts';
import type { Report } from '../../hosts/drivers/driver.ts';
import type { ServerAction } from './actions.ts';

/**
 * Applies a report to the task that it names. An image that it made is active before the task ends: what stops in between is done again by who ends the task.
 * That of a failed task goes afterwards: a failure of an earlier attempt must not take it from a later one. What is left of it goes with the server's note.
 * @param cell URL of the database of the server's cell.
 * @returns false when that task has ended, or another took its place; then nothing is changed, but for an image that is whole.
 * @throws DatabaseUnreachable when a database does not answer.
 */
export async function applyReport(
  api: Database,
  cell: string,
  { after, failed, taskState, makesImage }: ServerAction,
  task: TaskName,
  report: Report,
): Promise<boolean> {
  const unchanged = { vm_state: null, power_state: null, launched: false };
  const end =
    report.result === 'success'
      ? { ...unchanged, ...after, failure: null }
      : // What a host says must not keep its task from its end.
        { ...unchanged, vm_state: failed === 'error' ? ('error' as const) : null, failure: storableText(report.message) };
  if (makesImage && report.result === 'success' && report.image) await activateSnapshot(api, task, report.image);
  const ended = await inCell(cell, 'changing', async (database) => {
    if (await endTask(database, task, end)) return true;
    // What shows no task state keeps no other action from being accepted, and is not stopped by it.
    return taskState === null && (await endReplacedTask(database, task, end.failure));
  });
  if (makesImage && ended && report.result === 'failure') await removeSnapshot(api, task);
  return ended;
}
