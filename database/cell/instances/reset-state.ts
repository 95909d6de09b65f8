/** The state of a server as an admin sets it. What was being done to it is given up. */
import { type Database, query } from '../../data-api/client.ts';
import type { VmState } from '../../servers/document.ts';
import { type ChangedBy, recordAction } from '../instance-actions.ts';
import { endReplacedAction, replacedBy } from '../tasks.ts';

/**
 * Sets the state of a server and ends its task, with an error, and its move: a resize can neither be confirmed nor reverted then.
 * @returns false when the cell does not know the server.
 */
export async function resetInstanceState(cell: Database, uuid: string, by: ChangedBy, state: VmState): Promise<boolean> {
  const rows = await query(
    cell,
    `with
     -- The server, which nobody else changes meanwhile.
     found as (select uuid, vm_state, task from instances where uuid = :uuid::uuid and deleted = 0 for update),
     -- In its new state, and in no task.
     changed as (
       update instances i set vm_state = :state, task_state = null, task = null, deleted_at = null, updated_at = now() from found where i.uuid = found.uuid
       returning i.uuid, ${endReplacedAction}),
     -- Nothing moves it any more: it keeps the host that its row has.
     settled as (
       update migrations m set status = 'error', outcome = case when found.vm_state = 'resized' then 'kept' else 'reverted' end, updated_at = now()
       from found where m.instance_uuid = found.uuid and m.outcome is null),
     ${recordAction('resetState', 'changed')}
     select uuid from changed`,
    {
      ...{ uuid, state, request_id: by.requestId, user_id: by.userId, project_id: by.projectId },
      ...replacedBy('The state of the server was reset.'),
    },
  );
  return rows.length > 0;
}
