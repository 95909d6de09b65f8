/** How the build of a server goes on in its cell, and ends: on its host, or in ERROR. */
import { type Database, query } from '../../data-api/client.ts';
import type { FencedServer, Owner } from '../../servers/ownership.ts';

/**
 * Puts a server that is being built on the host that holds its claim now, and into the host's zone; without one, it stays in its zone. The server is this
 * owner's from then on.
 * @returns false when it is not being built any more, or a later owner has it.
 */
export async function placeInstance(cell: Database, uuid: string, owner: Owner, host: string, zone: string | null): Promise<boolean> {
  const rows = await query(
    cell,
    `update instances set host = :host, node = :host, launched_on = :host, task_state = 'spawning', updated_at = now(),
       availability_zone = coalesce(:zone, availability_zone), execution = :execution, fencing_token = :fencing_token
     where uuid = :uuid::uuid and deleted = 0 and vm_state = 'building' and fencing_token <= :fencing_token
     returning uuid`,
    { uuid, host, zone, execution: owner.execution, fencing_token: owner.fencing_token },
  );
  return rows.length > 0;
}

/** A build that ended, and whose request it was. */
export interface EndedBuild {
  uuid: string;
  reservation_id: string;
  request_id: string | null;
  /** From acceptance to the end; null when it had ended before, and was counted then. */
  seconds: number | null;
}

/**
 * Ends the build of a server that still has its place and its owner: ACTIVE on its host. The root disk has the name that the request gave it, or the image, or
 * that of a first virtio disk.
 * @returns undefined when the server is gone, is on another host, has another owner, or was ended another way.
 */
export async function activateInstance(
  cell: Database,
  { uuid, fencing_token }: FencedServer,
  host: string,
): Promise<EndedBuild | undefined> {
  const [ended] = await query<EndedBuild>(
    cell,
    `with before as (select vm_state from instances where uuid = :uuid::uuid),
     ended as (
       update instances set vm_state = 'active', task_state = null, power_state = 1, launched_at = coalesce(launched_at, now()), updated_at = now(),
         root_device_name = coalesce(
           (select device_name from block_device_mapping where instance_uuid = :uuid::uuid and boot_index = 0 and deleted = 0),
           root_device_name, '/dev/vda')
       where uuid = :uuid::uuid and host = :host and fencing_token = :fencing_token and deleted = 0 and vm_state in ('building', 'active')
       returning uuid, reservation_id, created_at),
     ${endAction('ended', `'Success'`, 'null')}
     select uuid, reservation_id, (select request_id from action),
       case when before.vm_state = 'building' then ${secondsSince('ended.created_at')} end as seconds
     from ended cross join before`,
    { uuid, host, fencing_token },
  );
  return ended;
}

const secondsSince = (time: string) => `extract(epoch from now() - ${time})::float8`;

/**
 * Ends the build of a server in ERROR in its own cell, without a host, with the fault that says why. Sent twice, it writes one fault.
 * @returns undefined when the server is gone, is on another host, has another owner, or was ended another way.
 */
export async function failInstance(
  cell: Database,
  { uuid, fencing_token }: FencedServer,
  host: string,
  fault: { code: number; message: string; details: string },
): Promise<EndedBuild | undefined> {
  const [ended] = await query<EndedBuild>(
    cell,
    `with ended as (
       update instances set vm_state = 'error', task_state = null, host = null, node = null, updated_at = now()
       where uuid = :uuid::uuid and host = :host and fencing_token = :fencing_token and deleted = 0 and vm_state = 'building'
       returning uuid, reservation_id, created_at),
     fault as (
       insert into instance_faults (instance_uuid, code, message, details, host)
       select uuid, :code, left(:message, 255), :details, 'cellzero' from ended),
     ${endAction('ended', `'Error'`, ':message')}
     select uuid, reservation_id, (select request_id from action), ${secondsSince('ended.created_at')} as seconds from ended
     union all
     select uuid, reservation_id, null, null from instances
     where uuid = :uuid::uuid and fencing_token = :fencing_token and deleted = 0 and vm_state = 'error' and host is null`,
    { uuid, host, fencing_token, ...fault },
  );
  return ended;
}

/** CTEs that end the `create` action and its event for the servers of a CTE `(uuid)`, with SQL of what its event says. */
function endAction(ended: string, result: string, details: string): string {
  return `action as (
      update instance_actions set finish_time = now(), updated_at = now(), message = nullif(${result}, 'Success')
      from ${ended} ended where instance_uuid = ended.uuid and action = 'create' returning id, request_id),
    event as (
      update instance_actions_events set finish_time = now(), updated_at = now(), result = ${result}, details = ${details}
      from action where action_id = action.id)`;
}
