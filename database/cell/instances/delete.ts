/** The end of a server in its cell. */
import { type Database, query } from '../../data-api/client.ts';
import { type ChangedBy, recordAction } from '../instance-actions.ts';
import { type LastMove, lastMove } from '../reaper.ts';
import { serverTables } from '../server-tables.ts';
import { endReplacedAction, replacedBy } from '../tasks.ts';

/** What deleting a server found: where it ran, or that someone had locked it. */
export interface Deletion {
  host: string | null;
  /** That of the last owner who wrote the server. */
  fencing_token: number;
  locked: boolean;
  last_move: LastMove | null;
}

/**
 * Soft-deletes a server with its relations as Nova does: tags go for good, actions stay, and a `delete` action is added. A second call changes nothing
 * and answers the same, so that an interrupted delete can be finished. What was being done to the server ends with an error.
 * @param force deletes a locked server too.
 * @returns undefined when the cell does not know the server.
 */
export async function deleteInstance(cell: Database, uuid: string, by: ChangedBy & { force: boolean }): Promise<Deletion | undefined> {
  const [deletion] = await query<Deletion>(
    cell,
    `with ${gone('not found.locked or :force')},
     ${recordAction('delete', 'gone')}
     select host, fencing_token, locked and deleted = 0 and not :force as locked, (${lastMove('found')}) as last_move from found`,
    {
      uuid,
      request_id: by.requestId,
      user_id: by.userId,
      project_id: by.projectId,
      force: by.force,
      ...replacedBy('The server was deleted.'),
    },
  );
  return deletion;
}

/**
 * Soft-deletes a server as deleteInstance does, when it is SOFT_DELETED for as many seconds and nothing is being done to it. Nobody asked for that, so no
 * action records it.
 * @returns undefined when the server is not that, or not any more.
 */
export async function reclaimInstance(cell: Database, uuid: string, seconds: number): Promise<Omit<Deletion, 'locked'> | undefined> {
  const [reclaimed] = await query<Omit<Deletion, 'locked'>>(
    cell,
    `with ${gone(`found.vm_state = 'soft-delete' and found.task is null and found.deleted_at <= now() - make_interval(secs => :seconds)`)}
     select host, fencing_token, (${lastMove('found')}) as last_move from found join gone using (uuid)`,
    { uuid, seconds, ...replacedBy('The server was deleted.') },
  );
  return reclaimed;
}

/** CTEs that delete a living server for which the condition on the CTE `found` is true. */
function gone(condition: string): string {
  const parts = serverTables
    .filter((table) => table !== 'instance_metadata')
    .map(
      (table) => `
     -- A part of it.
     ${table}_gone as (
       update ${table} t set deleted = t.id, deleted_at = now() from gone where t.instance_uuid = gone.uuid and t.deleted = 0)`,
    );
  return `
     -- The server, which nobody else deletes meanwhile.
     found as (
       select uuid, id, host, fencing_token, locked, deleted, deleted_at, vm_state, task from instances where uuid = :uuid::uuid for update),
     -- Gone, if it may be, with what clients keep beside it: a change that was just made is seen by these functions alone. Tags go for good.
     gone as (
       update instances i set deleted = i.id, deleted_at = now(), terminated_at = now(), updated_at = now(), vm_state = 'deleted', task_state = null,
         task = null
       from found where i.id = found.id and found.deleted = 0 and (${condition})
       returning i.uuid, ${endReplacedAction}, set_metadata(i.uuid, '{}'), set_tags(i.uuid, '[]')),${parts.join(',')}`;
}
