/** A task that nobody moves any more: its host is asked again if it has not begun, and is waited for no longer than the task is due. */
import { findInstances } from '../../../database/cell/instances/find.ts';
import { takeNextAttempt } from '../../../database/cell/tasks.ts';
import type { Task } from '../../../database/servers/task.ts';
import { inCell } from '../../cells/reach.ts';
import type { TaskOperation } from '../../hosts/drivers/driver.ts';
import { guestOf } from '../../hosts/drivers/guest.ts';
import { giveUpMove, moveServer } from '../moves/move-server.ts';
import { moveOf } from '../moves/moves.ts';
import { actionOf } from './actions.ts';
import { type AppliedReport, applyReport } from './apply-report.ts';
import { askHost } from './ask-host.ts';
import type { Tasks } from './tasks.ts';

/** A server with the task that it is in. */
export interface ServerInTask extends Pick<TaskOperation, 'cell' | 'server' | 'host' | 'fencing_token'> {
  task: Task;
}

/** How often a host is asked that does not begin. */
const mostAttempts = 3;

/** What became of a task. */
export interface ResumedTask {
  /** Whether its host was asked again, or is not waited for any longer; a task that is not due, or of a later version, is left alone. */
  done: 'asked' | 'failed' | 'nothing';
  /** When the task is due, or the server for what follows its task; null when nothing is left to do. ISO 8601. */
  dueAt: string | null;
}

/**
 * Resumes a task whose end is overdue, or whose host has not begun it for `silence` seconds.
 * @throws what the driver throws when the host cannot be asked, DatabaseUnreachable when the cell does not answer.
 */
export async function resumeTask(tasks: Tasks, silence: number, { task, ...guest }: ServerInTask): Promise<ResumedTask> {
  const action = actionOf(task.action, task.arguments.type);
  const moves = moveOf(task.action) !== undefined;
  const due = task.due_at === null ? Date.parse(task.asked_at) + silence * 1_000 : Date.parse(task.due_at);
  const asItIs = { done: 'nothing' as const, dueAt: new Date(due).toISOString() };
  if (!(action || moves) || due > Date.now()) return asItIs;
  const { cell, server } = guest;
  const name = { server, action: task.action, request_id: task.request_id, attempt: task.attempt };
  const fail = async (message: string) => {
    if (!action) {
      await giveUpMove(tasks, cell, name, message);
      return { done: 'failed' as const, dueAt: null };
    }
    const ended = await applyReport(tasks, cell, action, name, { result: 'failure', message });
    return { done: 'failed' as const, dueAt: dueAfter(ended) };
  };
  // That of a rebuild, known when it was accepted.
  if (task.arguments.no_valid_host !== undefined) return fail(task.arguments.no_valid_host);
  if (task.due_at !== null) return fail('The host did not report the end in time.');
  // A release before this one did not keep what was secret.
  const lost = action?.secret && task.arguments.sealed === undefined;
  if (lost || task.attempt === mostAttempts) return fail('The host could not be asked.');
  const whole = action?.makesDisk && (await inCell(cell, 'tending', (database) => findInstances(database, [server]))).get(server);
  if (action?.makesDisk && !whole) return asItIs;
  const attempt = await inCell(cell, 'tending', (database) => takeNextAttempt(database, name));
  if (attempt === undefined) return asItIs;
  if (!action) return { done: 'asked', dueAt: await moveServer(tasks, { ...name, cell }) };
  const answer = await askHost(tasks, action, {
    ...{ ...guest, task: { ...name, attempt }, arguments: task.arguments },
    ...(whole && { guest: guestOf(whole) }),
  });
  return { done: 'asked', dueAt: 'due' in answer ? answer.due : dueAfter(answer.ended) };
}

/** A server that is soft-deleted now is looked at again at once, as one that has no task. */
function dueAfter(ended: AppliedReport | undefined): string | null {
  return ended?.server?.deleted_at ? new Date().toISOString() : null;
}
