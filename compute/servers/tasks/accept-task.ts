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
 * Has the cell of a server accept an action, if it does.
 * @param kept what its task keeps of what the host needs to know.
 * @param begin the statement that accepts it.
 * @throws NotFound when the cell does not know the server, DatabaseUnreachable when it does not answer.
 */
export async function acceptTask(
  { uuid, cell, generation }: NotedMapping,
  { caller, requestId }: ChangeOf,
  action: AcceptedAction,
  kept: Readonly<Record<string, string>>,
  begin: (cell: Database, task: NewTask, precondition: Precondition) => Promise<FoundServer | undefined> = beginTask,
): Promise<{ refused: Refused } | { accepted: AcceptedTask }> {
  if (!cell || generation === null) throw serverNotFound(uuid);
  const { recorded, event, taskState, word } = action;
  const { userId, projectId } = caller;
  const task = { action: recorded, request_id: requestId };
  const begun = { ...task, server: uuid, arguments: kept, note: generation, event, taskState, userId, projectId };
  const precondition = { ...action, unlocked: action.unlocked && !allows(caller, 'context_is_admin') };
  const found = await inCell(cell.database_connection, 'changing', (database) => begin(database, begun, precondition));
  if (!found) throw serverNotFound(uuid);
  const { host, fencing_token } = found;
  if (!found.accepted || host === null) return { refused: { found, conflict: refusalOf(uuid, word, precondition, found) } };
  return { accepted: { server: uuid, host, fencing_token, cell: cell.database_connection, task: { ...task, attempt: 1 } } };
}
