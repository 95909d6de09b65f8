/** A task is handed to its host, and what the host answers is applied: its end, or that it has begun. */

import { noteBegun } from '../../../database/cell/tasks.ts';
import { inCell } from '../../cells/reach.ts';
import type { TaskOperation } from '../../hosts/drivers/driver.ts';
import type { Guest } from '../../hosts/drivers/guest.ts';
import { taskContext } from '../secrets.ts';
import type { ServerAction } from './actions.ts';
import { type AppliedReport, applyReport } from './apply-report.ts';
import type { Tasks } from './tasks.ts';

/**
 * Asks the host.
 * @returns when the task is due; what the report of its end was about, if it has ended.
 * @throws what the driver throws when the host cannot be asked, DatabaseUnreachable when the cell does not answer; then the task is still to be handed over.
 */
export async function askHost(
  tasks: Tasks,
  action: ServerAction,
  request: Omit<TaskOperation, 'operation' | 'time' | 'guest' | 'secrets'> & { guest?: Guest },
): Promise<{ due: string } | { ended: AppliedReport | undefined }> {
  const { driver, settings } = tasks;
  const { cell, server, task } = request;
  const { sealed, ...known } = request.arguments;
  const answer = await driver.begin({
    ...{ ...request, arguments: known, guest: request.guest ?? null },
    secrets: sealed === undefined ? null : { sealed, context: taskContext(server, task.request_id) },
    operation: action.operation,
    time: action.time + (action.shutsDown ? settings.shutdown_timeout : 0),
  });
  if (answer.result === 'begun') {
    await inCell(cell, 'changing', (database) => noteBegun(database, { ...task, server }, answer.due_at));
    return { due: answer.due_at };
  }
  return { ended: await applyReport(tasks, cell, action, { ...task, server }, answer) };
}
