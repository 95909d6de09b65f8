/** A task begins: accepted by one statement in the server's cell, then handed to its host. What could not be handed over, the reaper hands over again. */
import { beginTask, type FoundServer, type Precondition } from '../../../database/cell/tasks.ts';
import { inCell } from '../../cells/reach.ts';
import type { ServerAction } from './actions.ts';
import { askHost } from './ask-host.ts';
import type { Tasks } from './tasks.ts';

/** A task that shall begin; the server must have been noted as a pending cleanup. */
export interface TaskRequest {
  server: string;
  requestId: string;
  action: ServerAction;
  /** Generation of its pending cleanup. */
  note: number;
  /** Who asks; null for what nobody asks for. */
  userId: string | null;
  projectId: string | null;
  precondition: Precondition;
  /** What the host needs to know. */
  arguments: Readonly<Record<string, string>>;
}

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
export async function startTask(tasks: Tasks, cell: string, request: TaskRequest): Promise<StartedTask> {
  const { server, requestId: request_id, action, note, userId, projectId, precondition } = request;
  const asked = { ...action.manner, ...request.arguments };
  const task = {
    ...{ server, action: action.recorded, event: action.event, request_id, taskState: action.taskState, note, userId, projectId },
    arguments: asked,
  };
  const found = await inCell(cell, 'changing', (database) => beginTask(database, task, precondition));
  if (!found?.accepted || found.host === null) return { found };
  const { host, fencing_token } = found;
  try {
    const name = { action: action.recorded, request_id, attempt: 1 };
    await askHost(tasks, action, { server, host, fencing_token, cell, task: name, arguments: asked });
    return { found };
  } catch (error) {
    return { found, error };
  }
}
