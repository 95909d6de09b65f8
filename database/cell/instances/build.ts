/** How the build of a server goes on in its cell, and ends: on its host, or in ERROR. */
import { type Database, query, queryDocuments } from '../../data-api/client.ts';
import type { Instance } from '../../servers/document.ts';
import type { FencedServer, Owner } from '../../servers/ownership.ts';
import { recordGuests } from '../guests-to-end.ts';
import { guestDocument } from './find.ts';

/**
 * Puts a server that is being built on the host that holds its claim now, and into the host's zone; without one, it stays in its zone. The server is this
 * owner's from then on. What a host which is down has begun of it for an earlier owner is ended when that host is back.
 * @returns the server as its host must know it; undefined when it is not being built any more, or a later owner has it.
 */
export async function placeInstance(
  cell: Database,
  uuid: string,
  owner: Owner,
  host: string,
  zone: string | null,
): Promise<Instance | undefined> {
  const { documents } = await queryDocuments<Instance>(
    cell,
    `select uuid as key, ${guestDocument('placed')} as doc from placed`,
    { uuid, host, zone, execution: owner.execution, fencing_token: owner.fencing_token },
    {
      ctes: `
       -- The server, which nobody else changes meanwhile.
       found as (
         select uuid, host, fencing_token, task from instances
         where uuid = :uuid::uuid and deleted = 0 and vm_state = 'building' and fencing_token <= :fencing_token for update),
       -- A new owner takes it from a host that has begun it only when that is down.
       begun as (select * from found where fencing_token < :fencing_token and task->>'due_at' is not null),
       ${recordGuests('begun')},
       -- On its host.
       placed as (
         update instances i set host = :host, node = :host, launched_on = :host, task_state = 'scheduling', task = null, updated_at = now(),
           availability_zone = coalesce(:zone, availability_zone), execution = :execution, fencing_token = :fencing_token
         from found where i.uuid = found.uuid
         returning i.*)`,
    },
  );
  return documents.get(uuid);
}

/** Returns a server as its host must know it; undefined when it is gone, is on another host, or has another owner. */
export async function findGuest(cell: Database, { uuid, fencing_token }: FencedServer, host: string): Promise<Instance | undefined> {
  const { documents } = await queryDocuments<Instance>(
    cell,
    `select uuid as key, ${guestDocument('i')} as doc from instances i where uuid = :uuid::uuid and ${owned}`,
    { uuid, fencing_token, host },
  );
  return documents.get(uuid);
}

/**
 * Notes that the host has begun a build, until when it may take, and where the build goes on if the host goes down; a server that has another host or owner
 * now, or whose build has ended already, stays as it is.
 * `timeout` is Nova's instance_build_timeout: seconds from when this boot wrote the server, after which the build is due in any case; 0 for none.
 */
export async function noteBuildBegun(
  cell: Database,
  { uuid, fencing_token }: FencedServer,
  {
    host,
    attempt,
    alternates,
    dueAt,
    timeout = 0,
  }: { host: string; attempt: number; alternates: readonly string[]; dueAt: string; timeout?: number },
): Promise<void> {
  await query(
    cell,
    `update instances i set task = jsonb_build_object('action', 'create', 'request_id', a.request_id, 'attempt', :attempt::int,
       'arguments', '{}'::jsonb, 'alternates', :alternates::jsonb, 'asked_at', now(), 'due_at', least(:due_at::timestamptz,
         case when :timeout::int > 0 then (
           select max(start_time) from instance_actions_events where action_id = a.id) + make_interval(secs => :timeout::int) end))
     from instance_actions a
     where i.uuid = :uuid::uuid and ${owned} and i.vm_state = 'building' and a.instance_uuid = i.uuid and a.action = 'create'
     returning uuid`,
    { uuid, host, fencing_token, attempt, alternates, due_at: dueAt, timeout },
  );
}

/** What a host does of a build, in the order in which it does it. */
export const buildSteps = ['networking', 'block_device_mapping', 'spawning'] as const;
export type BuildStep = (typeof buildSteps)[number];

/** Notes how far a host is with a build; what was reported before, or comes late, takes it back to no earlier step. */
export async function noteBuildProgress(
  cell: Database,
  { uuid, fencing_token }: FencedServer,
  host: string,
  step: BuildStep,
): Promise<void> {
  await query(
    cell,
    `update instances set task_state = :step, updated_at = now()
     where uuid = :uuid::uuid and ${owned} and vm_state = 'building' and task_state in (select jsonb_array_elements_text(:earlier::jsonb))
     returning uuid`,
    { uuid, host, fencing_token, step, earlier: ['scheduling', ...buildSteps.slice(0, buildSteps.indexOf(step))] },
  );
}

/**
 * Notes that the host of a build has reported that it failed: it is not waited for any more.
 * @returns whose request it was; undefined when the server has another host or owner now, or its build has ended.
 */
export async function noteBuildFailed(
  cell: Database,
  { uuid, fencing_token }: FencedServer,
  host: string,
): Promise<{ request_id: string } | undefined> {
  const [failed] = await query<{ request_id: string }>(
    cell,
    `update instances i set task = null from instance_actions a
     where i.uuid = :uuid::uuid and ${owned} and i.vm_state = 'building' and a.instance_uuid = i.uuid and a.action = 'create'
     returning a.request_id`,
    { uuid, host, fencing_token },
  );
  return failed;
}

/** SQL that is true for a row that has this place and owner still. */
const owned = 'host = :host and fencing_token = :fencing_token and deleted = 0';

/** A build that ended, and whose request it was. */
export interface EndedBuild {
  uuid: string;
  reservation_id: string;
  request_id: string | null;
  /** From acceptance to the end, or from when it was sent through another boot; null when it had ended before, and was counted then. */
  seconds: number | null;
}

/**
 * Ends the build of a server that still has its place and its owner: ACTIVE on its host. The root disk has the name that the request gave it, or the image, or
 * that of a first virtio disk. A server whose build has ended, whatever became of it on this host since, stays as it is; one that never ran, but whose build was
 * given up or whose state an admin has set meanwhile, runs now and is launched by this: a guest is never out of sight.
 * @returns undefined when the server is gone, is on another host, or has another owner.
 */
export async function activateInstance(
  cell: Database,
  { uuid, fencing_token }: FencedServer,
  host: string,
): Promise<EndedBuild | undefined> {
  const [ended] = await query<EndedBuild>(
    cell,
    `with
     -- The server, if it has this place and owner still; nobody else changes it meanwhile.
     owned as (
       select uuid, vm_state, launched_at, reservation_id, created_at from instances
       where uuid = :uuid::uuid and ${owned} for update),
     -- ACTIVE, when its build has not ended before.
     ended as (
       update instances i set vm_state = 'active', task_state = null, task = null, power_state = 1, launched_at = coalesce(i.launched_at, now()), updated_at = now(),
         root_device_name = coalesce(
           (select device_name from block_device_mapping where instance_uuid = :uuid::uuid and boot_index = 0 and deleted = 0),
           root_device_name, '/dev/vda')
       from owned where i.uuid = owned.uuid and (owned.vm_state = 'building' or owned.vm_state in ('active', 'error') and owned.launched_at is null)
       returning i.uuid),
     ${endAction('ended', `'Success'`, 'null')}
     select uuid, reservation_id, (select request_id from action),
       case when vm_state = 'building' then ${seconds('created_at')} end as seconds
     from owned`,
    { uuid, host, fencing_token },
  );
  return ended;
}

/** SQL of how long a build has taken that just ended: from its acceptance, or from when its server was sent through another boot. */
const seconds = (accepted: string) => `extract(epoch from now() - coalesce((select max(start_time) from event), ${accepted}))::float8`;

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
       where uuid = :uuid::uuid and ${owned} and vm_state = 'building'
       returning uuid, reservation_id, created_at),
     ${endInError(':message')}
     union all
     select uuid, reservation_id, null, null from instances
     where uuid = :uuid::uuid and fencing_token = :fencing_token and deleted = 0 and vm_state = 'error' and host is null`,
    { uuid, host, fencing_token, ...fault },
  );
  return ended;
}

/**
 * Ends the build of a server in ERROR whose host has begun it and did not report in time. It keeps its host, which may run it: nobody knows. Sent twice, it
 * writes one fault.
 * @returns undefined when the host may still report, or the server is gone, is on another host, has another owner, or was ended another way.
 */
export async function failOverdueBuild(
  cell: Database,
  { uuid, fencing_token }: FencedServer,
  host: string,
): Promise<EndedBuild | undefined> {
  const [ended] = await query<EndedBuild>(
    cell,
    `with ended as (
       update instances set vm_state = 'error', task_state = null, task = null, updated_at = now()
       where uuid = :uuid::uuid and ${owned} and vm_state = 'building' and (task->>'due_at')::timestamptz <= now()
       returning uuid, reservation_id, created_at),
     ${endInError(':details')}`,
    {
      ...{ uuid, host, fencing_token, code: 500 },
      message: `Build of instance ${uuid} aborted: the host did not report its end in time.`,
      details: `${host} has begun the build and did not report its end in time. It may run the server: it keeps its place there until it is deleted.`,
    },
  );
  return ended;
}

/** What follows a CTE `ended` of builds that failed: their fault, the end of their action, with SQL of what its event says, and what is read of them. */
const endInError = (said: string) => `fault as (
       insert into instance_faults (instance_uuid, code, message, details, host)
       select uuid, :code, left(:message, 255), :details, 'cellzero' from ended),
     ${endAction('ended', `'Error'`, said)}
     select uuid, reservation_id, (select request_id from action), ${seconds('ended.created_at')} as seconds from ended`;

/** CTEs that end the `create` action and its event for the servers of a CTE `(uuid)`, with SQL of what its event says. Events of earlier tries stay as they are. */
function endAction(ended: string, result: string, details: string): string {
  return `action as (
      update instance_actions set finish_time = now(), updated_at = now(), message = nullif(${result}, 'Success')
      from ${ended} ended where instance_uuid = ended.uuid and action = 'create' returning id, request_id),
    event as (
      update instance_actions_events set finish_time = now(), updated_at = now(), result = ${result}, details = ${details}
      from action where action_id = action.id and instance_actions_events.finish_time is null
      returning instance_actions_events.start_time)`;
}
