/**
 * Restoring a soft-deleted server. It must hold quota again before its host is asked, so that is taken in the statement that reads its mapping, and returned
 * when the server refuses; what is left in between, the reaper settles.
 */
import type { Caller } from '../../common/caller.ts';
import { Conflict } from '../../common/errors.ts';
import { allows } from '../../common/policy.ts';
import { findInstanceMappingToRestore, returnQuotaOfSoftDeleted } from '../../database/api/servers/soft-deleted.ts';
import { DatabaseUnreachable } from '../../database/data-api/client.ts';
import { defaultLimits, quotaExceeded } from '../quotas/instance-quota.ts';
import type { ChangeOf } from './change-in-cell.ts';
import { checkState } from './check-state.ts';
import { findMapping, type Instance, readInstance, serverNotFound } from './find-server.ts';
import { inState, neverLaunched } from './refusals.ts';
import { serverActions } from './tasks/actions.ts';
import { beginInCell } from './tasks/begin-action.ts';
import type { Tasks } from './tasks/tasks.ts';

/**
 * Restores a server.
 * @returns once its host was asked, or could not be: then the error is returned, for the log; the action is accepted.
 * @throws NotFound when the server is not there for the caller, Conflict when it refuses, Forbidden when it would pass a limit of its project,
 *   DatabaseUnreachable when its cell does not answer.
 */
export async function restoreServer(tasks: Tasks, request: ChangeOf): Promise<{ error?: unknown }> {
  const { api } = tasks;
  const { caller, server } = request;
  const mapping = await findMapping(api, caller, server, (database, uuid, projectId) =>
    findInstanceMappingToRestore(database, uuid, projectId, defaultLimits),
  );
  const { uuid, cell, buildRequest, exceeded, generation } = mapping;
  const { word, vmStates } = serverActions.restore;
  if (buildRequest) throw new Conflict(inState(word, uuid, 'vm_state', buildRequest.vm_state));
  if (!cell || generation === null) throw serverNotFound(uuid);
  if (exceeded) {
    // What the server refuses by its state comes first.
    const instance = await readInstance(cell, uuid);
    if (instance === null) throw new DatabaseUnreachable(`The cell of instance ${uuid} does not answer.`);
    if (!instance) throw serverNotFound(uuid);
    refuseLocked(caller, instance);
    checkState(caller, instance, word, vmStates);
    throw quotaExceeded(exceeded, exceeded.flavor, 1, 1) ?? new Error(`no limit keeps ${uuid} from its quota`);
  }
  const { refusal, error } = await beginInCell(tasks, mapping, { ...request, action: serverActions.restore });
  if (!refusal) return { error };
  const { vm_state, task_state, locked } = refusal.found;
  if (vm_state === 'soft-delete' && task_state !== 'restoring') {
    await returnQuotaOfSoftDeleted(api, [{ uuid, generation, due_at: null }], 0);
  }
  refuseLocked(caller, { uuid, locked });
  throw refusal.conflict;
}

/** Of a restore alone Nova says no more than this when a server is locked. */
function refuseLocked(caller: Caller, { uuid, locked }: Pick<Instance, 'uuid' | 'locked'>): void {
  if (locked && !allows(caller, 'context_is_admin')) throw new Conflict(neverLaunched(serverActions.restore.word)(uuid));
}
