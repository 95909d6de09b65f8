/** The state of a server as an admin sets it. What was being done to it is given up. */
import { type Database, query } from '../../data-api/client.ts';
import type { VmState } from '../../servers/document.ts';
import { type ChangedBy, recordAction } from '../instance-actions.ts';
import { endReplacedAction, replacedBy } from '../tasks.ts';

/**
 * Sets the state of a server and ends its task, with an error.
 * @returns false when the cell does not know the server.
 */
export async function resetInstanceState(cell: Database, uuid: string, by: ChangedBy, state: VmState): Promise<boolean> {
  const rows = await query(
    cell,
    `with
     -- The server, which nobody else changes meanwhile.
     found as (select uuid, task from instances where uuid = :uuid::uuid and deleted = 0 for update),
     -- In its new state, and in no task.
     changed as (
       update instances i set vm_state = :state, task_state = null, task = null, deleted_at = null, updated_at = now() from found where i.uuid = found.uuid
       returning i.uuid, ${endReplacedAction}),
     ${recordAction('resetState', 'changed')}
     select uuid from changed`,
    {
      ...{ uuid, state, request_id: by.requestId, user_id: by.userId, project_id: by.projectId },
      ...replacedBy('The state of the server was reset.'),
    },
  );
  return rows.length > 0;
}
