/** An action of a server that its host is asked as soon as it is accepted; what could not be handed over, the reaper hands over again. */
import { findInstanceMappingToChange, type NotedMapping } from '../../../database/api/servers/instance-mappings.ts';
import type { Database } from '../../../database/data-api/client.ts';
import type { Driver } from '../../hosts/drivers/driver.ts';
import { defaultSettings } from '../../settings.ts';
import type { ChangeOf } from '../change-in-cell.ts';
import { type Seal, taskContext } from '../secrets.ts';
import { findMappingFor, type Refused, refusedBy, taskOf } from './accept-task.ts';
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
  refusal?: Refused;
  error?: unknown;
}

/**
 * Begins an action of a server whose mapping was noted.
 * @throws NotFound when the cell does not know the server, DatabaseUnreachable when it does not answer.
 */
export async function beginInCell(tasks: Tasks, mapping: NotedMapping, { action, seal, ...of }: ActionRequest): Promise<Begun> {
  const sealed = seal?.(taskContext(mapping.uuid, of.requestId));
  const { cell, request } = taskOf(mapping, of, action, { ...of.arguments, ...(sealed !== undefined && { sealed }) });
  const { found, error } = await startTask(tasks, cell, request);
  const refusal = refusedBy(request, found);
  return refusal ? { refusal } : { error };
}
