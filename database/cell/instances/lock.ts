/** The lock of a server, and why it is locked: Nova keeps the reason in the server's system metadata. */
import { type Database, query } from '../../data-api/client.ts';
import { type ChangedBy, recordAction } from '../instance-actions.ts';

const recordEvent = (event: string) => `
     event as (
       insert into instance_actions_events (action_id, event, start_time, finish_time, result, host)
       select id, '${event}', now(), now(), 'Success', 'cellzero' from action)`;

const parametersOf = (uuid: string, { requestId, userId, projectId }: ChangedBy) => ({
  ...{ uuid, request_id: requestId, user_id: userId, project_id: projectId },
});

/**
 * Locks a server; an owner leaves one that is locked as it is.
 * @param owner whether it is done for the server's project; otherwise it is an admin's lock.
 * @returns false when the cell does not know the server.
 */
export async function lockInstance(cell: Database, uuid: string, by: ChangedBy, owner: boolean, reason: string | null): Promise<boolean> {
  const rows = await query(
    cell,
    `with
     -- The server, which nobody else changes meanwhile.
     found as (select uuid, locked from instances where uuid = :uuid::uuid and deleted = 0 for update),
     -- Locked, for this reason if there is one.
     changed as (
       update instances i set locked = true, locked_by = case when :owner then 'owner' else 'admin' end, updated_at = now()
       from found where i.uuid = found.uuid and not (found.locked and :owner)
       returning i.uuid, case when :reason::text is not null then set_locked_reason(i.uuid, :reason) end),
     ${recordAction('lock', 'changed')},
     ${recordEvent('api_lock')}
     select uuid from found`,
    { ...parametersOf(uuid, by), owner, reason },
  );
  return rows.length > 0;
}

/**
 * Unlocks a server.
 * @param whose whose lock may be taken away.
 * @returns whether the lock was another's; undefined when the cell does not know the server.
 */
export async function unlockInstance(
  cell: Database,
  uuid: string,
  by: ChangedBy,
  whose: 'owner' | 'admin' | 'all',
): Promise<{ refused: boolean } | undefined> {
  const [found] = await query<{ refused: boolean }>(
    cell,
    `with
     -- The server, which nobody else changes meanwhile.
     found as (
       select uuid, :whose <> 'all' and coalesce(locked_by <> :whose, false) as refused from instances
       where uuid = :uuid::uuid and deleted = 0 for update),
     -- Unlocked; there is no reason any more.
     changed as (
       update instances i set locked = false, locked_by = null, updated_at = now() from found where i.uuid = found.uuid and not refused
       returning i.uuid, set_locked_reason(i.uuid, null)),
     ${recordAction('unlock', 'changed')},
     ${recordEvent('api_unlock')}
     select refused from found`,
    { ...parametersOf(uuid, by), whose },
  );
  return found;
}
