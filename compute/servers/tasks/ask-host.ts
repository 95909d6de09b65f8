/** A task is handed to its host, and what the host answers is applied: its end, or that it has begun. */
import { noteBegun } from '../../../database/cell/tasks.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { inCell } from '../../cells/reach.ts';
import type { Driver, TaskOperation } from '../../hosts/drivers/driver.ts';
import type { Guest } from '../../hosts/drivers/guest.ts';
import type { Settings } from '../../settings.ts';
import { taskContext } from '../secrets.ts';
import type { ServerAction } from './actions.ts';
import { applyReport } from './apply-report.ts';

/**
 * Asks the host.
 * @returns when the task is due, if it has not ended.
 * @throws what the driver throws when the host cannot be asked, DatabaseUnreachable when the cell does not answer; then the task is still to be handed over.
 */
export async function askHost(
  api: Database,
  driver: Driver,
  { shutdown_timeout }: Settings,
  action: ServerAction,
  request: Omit<TaskOperation, 'operation' | 'time' | 'guest' | 'secrets'> & { guest?: Guest },
): Promise<string | null> {
  const { cell, server, task } = request;
  const { sealed, ...known } = request.arguments;
  const answer = await driver.begin({
    ...{ ...request, arguments: known, guest: request.guest ?? null },
    secrets: sealed === undefined ? null : { sealed, context: taskContext(server, task.request_id) },
    operation: action.operation,
    time: action.time + (action.shutsDown ? shutdown_timeout : 0),
  });
  if (answer.result === 'begun') {
    await inCell(cell, 'changing', (database) => noteBegun(database, { ...task, server }, answer.due_at));
    return answer.due_at;
  }
  await applyReport(api, cell, action, { ...task, server }, answer);
  return null;
}
