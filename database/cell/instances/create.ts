/** Servers on their way into a cell (cell0 included): each is written whole, in one statement for all. */
import { type Database, query } from '../../data-api/client.ts';
import { blockDeviceColumns, instanceColumns } from '../../servers/columns.ts';
import { type CreateAction, changeableColumns, type Instance, type RecordedAction } from '../../servers/document.ts';
import type { Owner } from '../../servers/ownership.ts';

/** A server as it goes into a cell, and who writes it. */
export interface NewInstance {
  instance: Instance & Owner;
  /** The `create` action, and what else was done to the server in a cell where it was before. */
  actions: readonly [CreateAction, ...RecordedAction[]];
}

/** The columns that are written: all but the id, which PostgreSQL generates. */
const row = [...instanceColumns.keys()].filter((column) => column !== 'id').join(', ');

const disk = [...blockDeviceColumns.keys()].join(', ');

const changed = changeableColumns.map((column) => `${column} = r.${column}`).join(', ');

/** What a server consists of beside its row, by the table that holds it, with the CTEs that write it from a CTE `(uuid, doc, recorded)`. */
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
     -- Its flavor as it was at the boot, the certificates by which its image may be signed, and what the scheduler was asked.
     extra as (
        insert into instance_extra (instance_uuid, flavor, trusted_certs, request_spec)
        select uuid, doc->'flavor', nullif(doc->'trusted_certs', 'null'), doc->'request_spec' from ${written})`,
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
     -- Its create action, and what else was done to it
     actions as (
       insert into instance_actions
         (instance_uuid, action, request_id, user_id, project_id, start_time, finish_time, message, created_at, updated_at)
       select uuid, a.action, a.request_id, a.user_id, a.project_id, a.start_time, a.finish_time, a.message,
         coalesce(a.created_at, now()), coalesce(a.updated_at, now())
       from ${written} cross join lateral jsonb_populate_recordset(null::instance_actions, recorded) a
       returning id, instance_uuid, action, request_id),
     -- with their events.
     events as (
       insert into instance_actions_events (action_id, event, start_time, finish_time, result, details, host, created_at)
       select actions.id, e.event, e.start_time, e.finish_time, e.result, e.details, 'cellzero', coalesce(e.created_at, now())
       from ${written} w cross join lateral jsonb_array_elements(recorded) one
       join actions on actions.instance_uuid = w.uuid and actions.action = one->>'action' and actions.request_id = one->>'request_id'
       cross join lateral jsonb_populate_recordset(null::instance_actions_events, one->'events') e)`,
  }) as const;

/** A part of a server beside its row. */
export type Relation = keyof ReturnType<typeof writes>;

/** All parts of a server; those that come from its client stand first. */
export const instanceRelations = Object.keys(writes('')) as Relation[];

/**
 * Writes servers with their relations, the `create` action and a fault, if they have one, among them. A server that an earlier owner had written is taken
 * over, on the host that it has now and with what its client has changed of it; all else of it is the same. One that a later owner has written stays as it
 * is, and one that was purged with this owner's token, or a later one, is not written again.
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
     -- The servers as they were accepted, with what was done to them.
     documents as (select value->'instance' as doc, value->'actions' as recorded from jsonb_array_elements(:servers::jsonb)),
     -- Their rows, but for what was purged with this token or a later one.
     rows as (
       select r.*, doc, recorded
       from documents
       cross join lateral jsonb_populate_record(null::instances, doc || jsonb_build_object('launched_on', doc->'host', 'updated_at', now())) r
       where not is_fenced(r.uuid, r.fencing_token)),
     -- Those that an earlier owner wrote, taken over, on the host that is claimed now.
     taken_over as (
       update instances i
       set execution = r.execution, fencing_token = r.fencing_token, host = r.host, node = r.node, launched_on = r.launched_on,
         availability_zone = r.availability_zone, updated_at = now(), ${changed}
       from rows r where i.uuid = r.uuid and i.fencing_token < r.fencing_token
       returning i.uuid),
     -- Those that were not here.
     new as (
       insert into instances (${row}) select ${row} from rows
       on conflict (uuid) do nothing
       returning uuid),
     -- All else of a server is written with its row or not at all.
     written as (select n.uuid, doc, recorded from new n join rows using (uuid))
     ${kept.map((relation) => `,${writes('written')[relation]}`).join('')}
     select uuid from new
     union select uuid from taken_over
     union select i.uuid from instances i join rows r on r.uuid = i.uuid and r.fencing_token = i.fencing_token`,
    { servers },
  );
  return new Set(rows.map(({ uuid }) => uuid));
}
