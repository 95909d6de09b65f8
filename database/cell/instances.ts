/** The servers of a cell (cell0 included): written whole in one statement, read whole in one statement. */
import { type Database, query, queryDocuments } from '../data-api/client.ts';
import { blockDeviceColumns, instanceColumns } from '../servers/columns.ts';
import type { CreateAction, DocumentFilter, Instance } from '../servers/document.ts';
import type { FencedServer, Owner } from '../servers/ownership.ts';

/** A server as it goes into a cell, and who writes it. */
export interface NewInstance {
  instance: Instance & Owner;
  action: CreateAction;
}

/** The columns that are written: all but the id, which PostgreSQL generates. */
const row = [...instanceColumns.keys()].filter((column) => column !== 'id').join(', ');

const disk = [...blockDeviceColumns.keys()].join(', ');

/** What a server consists of beside its row, by the table that holds it, with the CTEs that write it from a CTE `(uuid, doc, action)`. */
const writes = (written: string) =>
  ({
    instance_metadata: `
     -- What the client noted on it.
     metadata as (
       insert into instance_metadata (instance_uuid, key, value)
       select uuid, key, value from ${written} cross join lateral jsonb_each_text(doc->'metadata'))`,
    instance_system_metadata: `
     -- What Nova notes of its image.
     system_metadata as (
       insert into instance_system_metadata (instance_uuid, key, value)
       select uuid, key, value from ${written} cross join lateral jsonb_each_text(doc->'system_metadata'))`,
    tags: `
     -- Its tags.
     tags as (
       insert into tags (resource_id, tag) select uuid, tag from ${written} cross join lateral jsonb_array_elements_text(doc->'tags') tag)`,
    block_device_mapping: `
     -- Its disks.
     devices as (
       insert into block_device_mapping (instance_uuid, ${disk})
       select w.uuid, ${disk.replace(/\w+/g, 'b.$&')}
       from ${written} w cross join lateral jsonb_populate_recordset(null::block_device_mapping, doc->'block_device_mappings') b)`,
    security_group_instance_association: `
     -- The security groups it names.
     group_names as (
       select distinct w.uuid, name, doc->>'project_id' as project_id, doc->>'user_id' as user_id
       from ${written} w cross join lateral jsonb_array_elements_text(doc->'security_groups') name),
     -- They exist from here on; the lock of one that existed keeps it.
     groups as (
       insert into security_groups (name, description, project_id, user_id)
       select distinct on (project_id, name) name, name, project_id, user_id from group_names
       on conflict (project_id, name, deleted) do update set updated_at = now()
       returning id, name, project_id),
     -- It is in them.
     memberships as (
       insert into security_group_instance_association (security_group_id, instance_uuid)
       select groups.id, uuid from group_names join groups using (project_id, name))`,
    instance_extra: `
     -- Its flavor as it was at the boot, and the certificates by which its image may be signed.
     extra as (
        insert into instance_extra (instance_uuid, flavor, trusted_certs)
        select uuid, doc->'flavor', nullif(doc->'trusted_certs', 'null') from ${written})`,
    instance_info_caches: `
     -- Its networks, of which it has none yet.
     info_cache as (insert into instance_info_caches (instance_uuid) select uuid from ${written})`,
    instance_faults: `
     -- The reason, when it is buried.
     faults as (
       insert into instance_faults (instance_uuid, code, message, details, host)
       select uuid, f.code, left(f.message, 255), f.details, 'cellzero'
       from ${written} cross join lateral jsonb_populate_record(null::instance_faults, doc->'fault') f where jsonb_typeof(doc->'fault') = 'object')`,
    instance_actions: `
     -- Its create action
     actions as (
       insert into instance_actions (instance_uuid, action, request_id, user_id, project_id, start_time, finish_time, message, updated_at)
       select uuid, 'create', action->>'request_id', doc->>'user_id', doc->>'project_id', (action->>'start_time')::timestamptz,
         (action->>'finish_time')::timestamptz, action->>'message', now()
       from ${written}
       returning id, instance_uuid),
     -- with the one event.
     events as (
       insert into instance_actions_events (action_id, event, start_time, finish_time, result, details, host)
       select actions.id, action->>'event', (action->>'start_time')::timestamptz, (action->>'finish_time')::timestamptz, action->>'result',
         action->>'details', 'cellzero'
       from actions join ${written} w on w.uuid = actions.instance_uuid)`,
  }) as const;

/** A part of a server beside its row. */
export type Relation = keyof ReturnType<typeof writes>;

/** All parts of a server; those that come from its client stand first. */
export const instanceRelations = Object.keys(writes('')) as Relation[];

/**
 * Writes servers with their relations, the `create` action and a fault, if they have one, among them. A server that an earlier owner had written is taken
 * over, on the host that it has now; all else of it is the same. One that a later owner has written stays as it is, and one that was purged with this
 * owner's token, or a later one, is not written again.
 * @param leftOut relations that are not written.
 * @returns the uuids of the servers that are their owner's now.
 */
export async function createInstances(
  cell: Database,
  servers: readonly NewInstance[],
  leftOut: readonly Relation[] = [],
): Promise<Set<string>> {
  const kept = instanceRelations.filter((relation) => !leftOut.includes(relation));
  const rows = await query<{ uuid: string }>(
    cell,
    `with
     -- The servers as they were accepted, with their create actions.
     documents as (select value->'instance' as doc, value->'action' as action from jsonb_array_elements(:servers::jsonb)),
     -- Their rows, but for what was purged with this token or a later one.
     rows as (
       select r.*, doc, action
       from documents
       cross join lateral jsonb_populate_record(null::instances, doc || jsonb_build_object('launched_on', doc->'host', 'updated_at', now())) r
       where not is_fenced(r.uuid, r.fencing_token)),
     -- Those that an earlier owner wrote, taken over, on the host that is claimed now.
     taken_over as (
       update instances i
       set execution = r.execution, fencing_token = r.fencing_token, host = r.host, node = r.node, launched_on = r.launched_on,
         availability_zone = r.availability_zone, updated_at = now()
       from rows r where i.uuid = r.uuid and i.fencing_token < r.fencing_token
       returning i.uuid),
     -- Those that were not here.
     new as (
       insert into instances (${row}) select ${row} from rows
       on conflict (uuid) do nothing
       returning uuid),
     -- All else of a server is written with its row or not at all.
     written as (select n.uuid, doc, action from new n join rows using (uuid))
     ${kept.map((relation) => `,${writes('written')[relation]}`).join('')}
     select uuid from new
     union select uuid from taken_over
     union select i.uuid from instances i join rows r on r.uuid = i.uuid and r.fencing_token = i.fencing_token`,
    { servers },
  );
  return new Set(rows.map(({ uuid }) => uuid));
}

/** Of a server whose flavor is lost, its sizes are known. */
const flavorOfRow = (i: string) => `jsonb_build_object('flavorid', '', 'name', '', 'memory_mb', ${i}.memory_mb, 'vcpus', ${i}.vcpus,
      'root_gb', ${i}.root_gb, 'ephemeral_gb', ${i}.ephemeral_gb, 'swap', 0, 'extra_specs', jsonb_build_object())`;

/** SQL of the document of a server, a row of instances. */
const document = (i: string) => `
  to_jsonb(${i}) || jsonb_build_object(
    'flavor', coalesce((select flavor from instance_extra where instance_uuid = ${i}.uuid), ${flavorOfRow(i)}),
    'trusted_certs', (select trusted_certs from instance_extra where instance_uuid = ${i}.uuid),
    'metadata', (select coalesce(jsonb_object_agg(key, value), '{}') from instance_metadata where instance_uuid = ${i}.uuid and deleted = 0),
    'system_metadata',
      (select coalesce(jsonb_object_agg(key, value), '{}') from instance_system_metadata where instance_uuid = ${i}.uuid and deleted = 0),
    'tags', (select coalesce(jsonb_agg(tag order by tag), '[]') from tags where resource_id = ${i}.uuid),
    'block_device_mappings',
      (select coalesce(jsonb_agg(to_jsonb(b) order by b.id), '[]') from block_device_mapping b where instance_uuid = ${i}.uuid and deleted = 0),
    'security_groups', (
      select coalesce(jsonb_agg(g.name order by g.name), '[]') from security_group_instance_association a
      join security_groups g on g.id = a.security_group_id where a.instance_uuid = ${i}.uuid and a.deleted = 0),
    'fault', (
      select to_jsonb(f) from instance_faults f where instance_uuid = ${i}.uuid and deleted = 0 order by created_at desc, id desc limit 1))`;

const conditions = { living: 'i.deleted = 0', deleted: 'i.deleted <> 0', all: 'true' };

/** Returns the servers that are in this cell among those asked for, by uuid, that match the filter: living ones, or all. */
export async function findInstances(
  cell: Database,
  uuids: readonly string[],
  which: keyof typeof conditions = 'living',
  filter?: DocumentFilter,
): Promise<Map<string, Instance>> {
  const found = new Map<string, Instance>();
  for (let wanted = uuids; wanted.length > 0; ) {
    const { documents, truncated } = await queryDocuments<Instance>(
      cell,
      `select key, doc from (
         select i.uuid as key, ${document('i')} as doc from instances i
         where i.uuid = any (array(select jsonb_array_elements_text(:uuids::jsonb)::uuid)) and ${conditions[which]}) servers
       where ${filter?.sql ?? 'true'}`,
      { uuids: wanted, ...filter?.parameters },
    );
    for (const [uuid, instance] of documents) found.set(uuid, instance);
    wanted = truncated ? wanted.filter((uuid) => !documents.has(uuid)) : [];
  }
  return found;
}

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
 * Ends the build of a server that still has its place and its owner: ACTIVE on its host.
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
       update instances set vm_state = 'active', task_state = null, power_state = 1, launched_at = coalesce(launched_at, now()), updated_at = now()
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

/** What deleting a server found: where it ran, or that someone had locked it. */
export interface Deletion {
  host: string | null;
  /** That of the last owner who wrote the server. */
  fencing_token: number;
  locked: boolean;
}

/**
 * Soft-deletes a server with its relations as Nova does: tags go for good, actions stay, and a `delete` action is added. A second call changes nothing
 * and answers the same, so that an interrupted delete can be finished.
 * @param force deletes a locked server too.
 * @returns undefined when the cell does not know the server.
 */
export async function deleteInstance(
  cell: Database,
  uuid: string,
  by: { requestId: string; userId: string; projectId: string; force: boolean },
): Promise<Deletion | undefined> {
  const soft = (table: string) =>
    `update ${table} t set deleted = t.id, deleted_at = now() from gone where t.instance_uuid = gone.uuid and t.deleted = 0`;
  const [deletion] = await query<Deletion>(
    cell,
    `with found as (select uuid, id, host, fencing_token, locked, deleted from instances where uuid = :uuid::uuid for update),
     gone as (
       update instances i set deleted = i.id, deleted_at = now(), terminated_at = now(), updated_at = now(), vm_state = 'deleted', task_state = null
       from found where i.id = found.id and found.deleted = 0 and (not found.locked or :force)
       returning i.uuid),
     extra as (${soft('instance_extra')}),
     info_cache as (${soft('instance_info_caches')}),
     metadata as (${soft('instance_metadata')}),
     system_metadata as (${soft('instance_system_metadata')}),
     faults as (${soft('instance_faults')}),
     devices as (${soft('block_device_mapping')}),
     memberships as (${soft('security_group_instance_association')}),
     untagged as (delete from tags using gone where resource_id = gone.uuid),
     action as (
       insert into instance_actions (instance_uuid, action, request_id, user_id, project_id, start_time, finish_time, updated_at)
       select uuid, 'delete', :request_id, :user_id, :project_id, now(), now(), now() from gone
       on conflict do nothing)
     select host, fencing_token, locked and deleted = 0 and not :force as locked from found`,
    { uuid, request_id: by.requestId, user_id: by.userId, project_id: by.projectId, force: by.force },
  );
  return deletion;
}
