/**
 * Deleting a server, wherever it is. Before it has a cell, removing its build request is the delete, and the boot cleans up after itself. Afterwards its
 * row in the cell goes first: from then on nobody sees it, and what is left (its place on the host, its quota, its mapping) can be finished by anyone.
 */

import type { Caller } from '../../common/caller.ts';
import { Conflict } from '../../common/errors.ts';
import { allows } from '../../common/policy.ts';
import { removeBuildRequest } from '../../database/api/servers/build-requests.ts';
import { findInstanceMappingToChange, type InstanceMapping, type NotedMapping } from '../../database/api/servers/instance-mappings.ts';
import type { ChangedBy } from '../../database/cell/instance-actions.ts';
import { deleteInstance } from '../../database/cell/instances/delete.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from '../cells/reach.ts';
import type { Driver } from '../hosts/drivers/driver.ts';
import type { Settings } from '../settings.ts';
import { endDeleted } from './end-deleted.ts';
import { findMapping, serverNotFound } from './find-server.ts';
import { locked } from './refusals.ts';
import { serverActions } from './tasks/actions.ts';
import { beginInCell } from './tasks/begin-action.ts';
import { whileItStays } from './while-it-stays.ts';

/**
 * Deletes a server. When it returns, the server is not seen again, and its quota is returned; its host may still have to end what it runs.
 * @param settings where these have a reclaim_instance_interval, a server that was launched and has a host is soft-deleted instead; without settings none is.
 * @returns the error, for the log, when its host could not be asked to soft-delete it; the reaper asks again.
 * @throws NotFound when it is not there or deleted already, Conflict when it is locked, DatabaseUnreachable when its cell does not answer.
 */
export function deleteServer(
  api: Database,
  driver: Driver,
  caller: Caller,
  requestId: string,
  uuid: string,
  settings?: Settings,
): Promise<{ error?: unknown }> {
  const force = allows(caller, 'os_compute_api:servers:detail:get_all_tenants');
  return whileItStays(api, uuid, async () => {
    let mapping: NotedMapping | undefined = await findMapping(api, caller, uuid, findInstanceMappingToChange);
    while (mapping?.buildRequest) {
      // It may have been locked before it was sent through another boot.
      if (mapping.buildRequest.locked && !force) throw new Conflict(locked(uuid));
      if (await removeBuildRequest(api, mapping.uuid)) return {};
      // A cell has it now, or it is deleted: by somebody else, or by our own statement, whose answer was lost.
      mapping = await findInstanceMappingToChange(api, mapping.uuid, null);
    }
    if (!mapping) return {};
    if (settings && settings.reclaim_instance_interval > 0) {
      const request = { caller, requestId, server: uuid, action: serverActions.softDelete };
      const { refusal, error } = await beginInCell({ api, driver, settings }, mapping, request);
      if (!refusal || refusal.found.task_state === 'soft-deleting') return { error };
      if (refusal.found.locked && !allows(caller, 'context_is_admin')) throw refusal.conflict;
    }
    await deleteFromCell(api, driver, { ...caller, requestId, force }, mapping);
    return {};
  });
}

async function deleteFromCell(api: Database, driver: Driver, by: ChangedBy & { force: boolean }, { uuid, cell }: InstanceMapping) {
  if (!cell) throw serverNotFound(uuid);
  const deletion = await inCell(cell.database_connection, 'changing', (database) => deleteInstance(database, uuid, by));
  if (!deletion) throw serverNotFound(uuid);
  if (deletion.locked) throw new Conflict(locked(uuid));
  const { host, fencing_token, last_move } = deletion;
  await endDeleted(api, driver, cell.database_connection, [{ uuid, host, fencing_token, last_move, deleted_for: 0 }]);
}
