/** The one way in which a task ends: by a report of its host, which may come at once, late, twice, out of order, or from the reaper in its place. */
import { endReplacedTask, endTask } from '../../../database/cell/tasks.ts';
import { storableText } from '../../../database/data-api/storable-text.ts';
import type { TaskName } from '../../../database/servers/task.ts';
import { inCell } from '../../cells/reach.ts';
import type { Report } from '../../hosts/drivers/driver.ts';
import type { ServerAction } from './actions.ts';

/**
 * Applies a report to the task that it names.
 * @param cell URL of the database of the server's cell.
 * @returns false when that task has ended, or another took its place; then nothing is changed.
 * @throws DatabaseUnreachable when the cell does not answer.
 */
export function applyReport(cell: string, { after, failed, taskState }: ServerAction, task: TaskName, report: Report): Promise<boolean> {
  const unchanged = { vm_state: null, power_state: null, launched: false };
  const end =
    report.result === 'success'
      ? { ...unchanged, ...after, failure: null }
      : // What a host says must not keep its task from its end.
        { ...unchanged, vm_state: failed === 'error' ? ('error' as const) : null, failure: storableText(report.message) };
  return inCell(cell, 'changing', async (database) => {
    if (await endTask(database, task, end)) return true;
    // What shows no task state keeps no other action from being accepted, and is not stopped by it.
    return taskState === null && (await endReplacedTask(database, task, end.failure));
  });
}
