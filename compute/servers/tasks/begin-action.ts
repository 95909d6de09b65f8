/**
 * An action of a server: accepted by one statement in its cell, noted in the api database before, so that a reaper ends it whatever happens here. Then its
 * host is asked at once; what could not be handed over, the reaper hands over again.
 */

import { Conflict } from '../../../common/errors.ts';
import { allows } from '../../../common/policy.ts';
import { findInstanceMappingToChange, type InstanceMapping } from '../../../database/api/servers/instance-mappings.ts';
import type { Database } from '../../../database/data-api/client.ts';
import type { Driver } from '../../hosts/drivers/driver.ts';
import { defaultSettings } from '../../settings.ts';
import type { ChangeOf } from '../change-in-cell.ts';
import { findMapping, serverNotFound } from '../find-server.ts';
import { inState, refusalOf } from '../refusals.ts';
import { type Seal, taskContext } from '../secrets.ts';
import type { ServerAction } from './actions.ts';
import { startTask } from './start-task.ts';

/** Who asks for what. */
export interface ActionRequest extends ChangeOf {
  action: ServerAction;
  /** What the host needs to know. */
  arguments?: Readonly<Record<string, string>>;
  /** Seals what only the host may know. */
  seal?: Seal;
  /** Reads the mapping of the server and notes it, with what the action takes in the same statement. */
  find?(api: Database, uuid: string, projectId: string | null): Promise<InstanceMapping | undefined>;
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
  const { caller, requestId, action, find = findInstanceMappingToChange } = request;
  const { uuid, cell, buildRequest } = await findMapping(api, caller, request.server, find);
  if (buildRequest && !action.inCellOnly) throw new Conflict(inState(action.word, uuid, 'vm_state', buildRequest.vm_state));
  if (!cell) throw serverNotFound(uuid);
  const sealed = request.seal?.(taskContext(uuid, requestId));
  const precondition = { ...action, unlocked: action.unlocked && !allows(caller, 'context_is_admin') };
  const { found, error } = await startTask(api, driver, settings, cell.database_connection, {
    ...{ server: uuid, requestId, action, precondition, arguments: { ...request.arguments, ...(sealed !== undefined && { sealed }) } },
    ...{ userId: caller.userId, projectId: caller.projectId },
  });
  if (!found) throw serverNotFound(uuid);
  if (!found.accepted || found.host === null) throw refusalOf(uuid, action.word, precondition, found);
  return { error };
}
