/** A task begins: accepted by one statement in the server's cell, then handed to its host. What could not be handed over, the reaper hands over again. */
import type { FoundServer } from '../../../database/cell/tasks.ts';
import { acceptTask, type TaskRequest } from './accept-task.ts';
import type { ServerAction } from './actions.ts';
import { askHost } from './ask-host.ts';
import type { Tasks } from './tasks.ts';

/** What became of it. */
export interface StartedTask {
  /** The server, and whether the task has begun; undefined when the cell does not know it. */
  found: FoundServer | undefined;
  /** Why the host could not be asked. */
  error?: unknown;
}

/**
 * Starts a task if the server allows it.
 * @param cell URL of the database of the server's cell.
 * @throws DatabaseUnreachable when the cell does not answer before the task has begun.
 */
export async function startTask(tasks: Tasks, cell: string, request: TaskRequest<ServerAction>): Promise<StartedTask> {
  const { action } = request;
  const asked = { ...action.manner, ...request.arguments };
  const { found, accepted } = await acceptTask(cell, { ...request, arguments: asked });
  if (!accepted) return { found };
  try {
    await askHost(tasks, action, { ...accepted, arguments: asked });
    return { found };
  } catch (error) {
    return { found, error };
  }
}
