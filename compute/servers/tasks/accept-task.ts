/**
 * The first two statements of every action: the api database finds the server and notes that something begins, then its cell accepts it, if its states and its
 * lock allow it. From then on a reaper ends it, whatever happens here.
 */
import { type BadRequest, Conflict } from '../../../common/errors.ts';
import { allows } from '../../../common/policy.ts';
import type { NotedMapping } from '../../../database/api/servers/instance-mappings.ts';
import { beginTask, type FoundServer, type NewTask, type Precondition } from '../../../database/cell/tasks.ts';
import type { Database } from '../../../database/data-api/client.ts';
import type { TaskState } from '../../../database/servers/document.ts';
import type { TaskName } from '../../../database/servers/task.ts';
import { inCell } from '../../cells/reach.ts';
import type { ChangeOf } from '../change-in-cell.ts';
import { findMapping, serverNotFound } from '../find-server.ts';
import { inState, refusalOf } from '../refusals.ts';

/** What an action is called and asks of a server. */
export interface AcceptedAction extends Precondition {
  /** As refusals name it. */
  word: string;
  /** As it is recorded among the server's actions, and its event. */
  recorded: string;
  event: string;
  /** Whether Nova looks for the server in its cell alone: one that has none yet is not found. */
  inCellOnly?: true;
  taskState: TaskState | null;
}

/** A task that shall begin; the server must have been noted as a pending cleanup. */
export interface TaskRequest<Action extends AcceptedAction = AcceptedAction> {
  server: string;
  requestId: string;
  action: Action;
  /** Generation of its pending cleanup. */
  note: number;
  /** Who asks; null for what nobody asks for. */
  userId: string | null;
  projectId: string | null;
  precondition: Precondition;
  /** What the host needs to know. */
  arguments: Readonly<Record<string, string>>;
}

/** A server in a task that has just been accepted. */
export interface AcceptedTask {
  server: string;
  host: string;
  fencing_token: number;
  /** URL of the database of its cell. */
  cell: string;
  task: Omit<TaskName, 'server'>;
}

/** A server that did not accept an action, as it was found. */
export interface Refused {
  found: FoundServer;
  conflict: Conflict | BadRequest;
}

/**
 * Returns the mapping of a server, as the first statement of an action reads it.
 * @throws NotFound when the server is not there for the caller, Conflict when it waits for its cell.
 */
export async function findMappingFor<Mapping extends NotedMapping>(
  api: Database,
  { caller, server }: ChangeOf,
  action: AcceptedAction,
  find: (api: Database, uuid: string, projectId: string | null) => Promise<Mapping | undefined>,
): Promise<Mapping> {
  const mapping = await findMapping(api, caller, server, find);
  if (!mapping.buildRequest || action.inCellOnly) return mapping;
  throw new Conflict(inState(action.word, mapping.uuid, 'vm_state', mapping.buildRequest.vm_state));
}

/**
 * Returns what a client asks of a server whose mapping was noted, and the URL of the database of its cell.
 * @throws NotFound when it has none.
 */
export function taskOf<Action extends AcceptedAction>(
  { uuid, cell, generation }: NotedMapping,
  { caller, requestId }: ChangeOf,
  action: Action,
  known: TaskRequest['arguments'] = {},
): { cell: string; request: TaskRequest<Action> } {
  if (!cell || generation === null) throw serverNotFound(uuid);
  const { userId, projectId } = caller;
  const precondition = { ...action, unlocked: action.unlocked && !allows(caller, 'context_is_admin') };
  const request = { server: uuid, requestId, action, note: generation, userId, projectId, precondition, arguments: known };
  return { cell: cell.database_connection, request };
}

/**
 * Has the cell of a server accept a task, if it does.
 * @param cell URL of its database.
 * @param begin the statement that accepts it.
 * @returns the server as it was found, undefined when the cell does not know it; and the task, if it has begun.
 * @throws DatabaseUnreachable when the cell does not answer.
 */
export async function acceptTask(
  cell: string,
  { server, requestId: request_id, action, note, userId, projectId, precondition, arguments: known }: TaskRequest,
  begin: (cell: Database, task: NewTask, precondition: Precondition) => Promise<FoundServer | undefined> = beginTask,
): Promise<{ found: FoundServer | undefined; accepted?: AcceptedTask }> {
  const { recorded, event, taskState } = action;
  const task = { server, action: recorded, event, request_id, taskState, note, userId, projectId, arguments: known };
  const found = await inCell(cell, 'changing', (database) => begin(database, task, precondition));
  if (!found?.accepted || found.host === null) return { found };
  const { host, fencing_token } = found;
  return { found, accepted: { server, host, fencing_token, cell, task: { action: recorded, request_id, attempt: 1 } } };
}

/**
 * Returns how a server refused a task; undefined when it accepted it.
 * @throws NotFound when its cell did not know it.
 */
export function refusedBy({ server, action, precondition }: TaskRequest, found: FoundServer | undefined): Refused | undefined {
  if (!found) throw serverNotFound(server);
  if (found.accepted && found.host !== null) return undefined;
  return { found, conflict: refusalOf(server, action.word, precondition, found) };
}
