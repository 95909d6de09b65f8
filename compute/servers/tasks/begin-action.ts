/**
 * An action of a server: accepted by one statement in its cell, noted in the api database before, so that a reaper ends it whatever happens here. Then its
 * host is asked at once; what could not be handed over, the reaper hands over again.
 */

import type { Conflict } from '../../../common/errors.ts';
import { allows } from '../../../common/policy.ts';
import { findInstanceMappingToChange, type NotedMapping } from '../../../database/api/servers/instance-mappings.ts';
import type { FoundServer } from '../../../database/cell/tasks.ts';
import type { Database } from '../../../database/data-api/client.ts';
import type { Driver } from '../../hosts/drivers/driver.ts';
import { defaultSettings } from '../../settings.ts';
import type { ChangeOf } from '../change-in-cell.ts';
import { serverNotFound } from '../find-server.ts';
import { refusalOf } from '../refusals.ts';
import { type Seal, taskContext } from '../secrets.ts';
import { findMappingFor } from './accept-task.ts';
import type { ServerAction } from './actions.ts';
import { startTask } from './start-task.ts';
import type { Tasks } from './tasks.ts';

/** Who asks for what. */
export interface ActionRequest extends ChangeOf {
  action: ServerAction;
  /** What the host needs to know. */
  arguments?: Readonly<Record<string, string>>;
  /** Seals what only the host may know. */
  seal?: Seal;
  /** Reads the mapping of the server and notes it, with what the action takes in the same statement. */
  find?(api: Database, uuid: string, projectId: string | null): Promise<NotedMapping | undefined>;
}

/**
 * Begins an action.
 * @returns once the host was asked, or could not be: then the error is returned, for the log; the action is accepted.
 * @throws NotFound when the server is not there for the caller, Conflict when it refuses, DatabaseUnreachable when its cell does not answer.
 */
export async function beginAction(
  api: Database,
  driver: Driver,
  request: ActionRequest,
  settings = defaultSettings,
): Promise<{ error?: unknown }> {
  const { action, find = findInstanceMappingToChange } = request;
  const mapping = await findMappingFor(api, request, action, find);
  const { refusal, error } = await beginInCell({ api, driver, settings }, mapping, request);
  if (refusal) throw refusal.conflict;
  return { error };
}

/** What became of an action: the server refused it, or it is accepted, and its host may not have been asked. */
export interface Begun {
  refusal?: { found: FoundServer; conflict: Conflict };
  error?: unknown;
}

/**
 * Begins an action of a server whose mapping was noted.
 * @throws NotFound when the cell does not know the server, DatabaseUnreachable when it does not answer.
 */
export async function beginInCell(tasks: Tasks, { uuid, cell, generation }: NotedMapping, request: ActionRequest): Promise<Begun> {
  if (!cell || generation === null) throw serverNotFound(uuid);
  const { caller, requestId, action } = request;
  const sealed = request.seal?.(taskContext(uuid, requestId));
  const precondition = { ...action, unlocked: action.unlocked && !allows(caller, 'context_is_admin') };
  const { found, error } = await startTask(tasks, cell.database_connection, {
    ...{ server: uuid, requestId, action, precondition, arguments: { ...request.arguments, ...(sealed !== undefined && { sealed }) } },
    ...{ note: generation, userId: caller.userId, projectId: caller.projectId },
  });
  if (!found) throw serverNotFound(uuid);
  if (!found.accepted || found.host === null) return { refusal: { found, conflict: refusalOf(uuid, action.word, precondition, found) } };
  return { error };
}
