/**
 * Servers that leave cell0 for another try, and come back. A row is closed before it is read (migration 11): what it took in until then is read, and what
 * would change it later is refused, until its server is back.
 */
import { type Database, query, queryDocuments } from '../../data-api/client.ts';
import { changeableColumns, type Instance, type RecordedAction } from '../../servers/document.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import type { NewInstance } from './create.ts';
import { instanceDocument } from './find.ts';

/** As much as a choice among buried servers needs to know of one. */
export interface BuriedSummary {
  uuid: string;
  name: string | null;
  /** The first cause that its burial noted; where it noted none, the sentence of the fault. */
  cause: string;
}

/** Returns what cell0 says of these servers; of those that it does not have, or has deleted, nothing. */
export async function summarizeBuried(cell0: Database, servers: readonly string[]): Promise<BuriedSummary[]> {
  return query<BuriedSummary>(
    cell0,
    `select i.uuid, i.display_name as name, coalesce(
       (select value from instance_system_metadata where instance_uuid = i.uuid and key = 'first_cause' and deleted = 0),
       (select message from instance_faults where instance_uuid = i.uuid and deleted = 0 order by created_at desc, id desc limit 1), '') as cause
     from instances i where i.uuid = any (array(select jsonb_array_elements_text(:servers::jsonb)::uuid)) and i.deleted = 0`,
    { servers },
  );
}

const asked = 'jsonb_to_recordset(:servers::jsonb) as asked (uuid uuid, fencing_token int)';

/** Closes the rows of living servers up to these tokens. Changes that have begun are waited for. */
export async function closeInstances(cell0: Database, servers: readonly FencedServer[]): Promise<void> {
  await query(
    cell0,
    `with
     -- The servers, locked by their ids; one that is closed already stays closed.
     found as (
       select i.id, asked.fencing_token from instances i join ${asked} on asked.uuid = i.uuid
       where i.deleted = 0 and coalesce(i.closed_to, -1) < asked.fencing_token order by i.id for update of i)
     update instances i set closed_to = found.fencing_token from found where i.id = found.id`,
    { servers },
  );
}

/**
 * Opens the row of a server again, for somebody who has taken a later token for it.
 * @param server with that token; one who has closed it with as late a token, or a later one, keeps it closed.
 */
export async function openInstance(cell0: Database, { uuid, fencing_token }: FencedServer): Promise<void> {
  await query(cell0, 'update instances set closed_to = null where uuid = :uuid::uuid and closed_to < :fencing_token', {
    uuid,
    fencing_token,
  });
}

/** A server as it was closed, with what was done to it, its `create` action first. */
export interface ClosedInstance {
  instance: Instance;
  actions: RecordedAction[];
}

/** Actions beside `create`, and events of each, that go with a server; the newest. */
const mostActions = 20;

const latest = (table: string, columns: string, where: string) =>
  `(select ${columns} from ${table} where ${where} order by created_at desc, id desc limit ${mostActions})`;

const actionsOf = (server: string) => `
  select coalesce(jsonb_agg(jsonb_build_object('action', action, 'request_id', request_id, 'user_id', user_id, 'project_id', project_id,
    'start_time', start_time, 'finish_time', finish_time, 'message', message, 'created_at', a.created_at, 'updated_at', updated_at, 'events', (
      select coalesce(jsonb_agg(to_jsonb(e) order by e.created_at desc, e.id desc), '[]')
      from ${latest('instance_actions_events', 'id, event, start_time, finish_time, result, details, created_at', 'action_id = a.id')} e))
    order by action <> 'create', a.created_at, a.id), '[]')
  from (
    select * from instance_actions where instance_uuid = ${server} and action = 'create'
    union all select * from ${latest('instance_actions', '*', `instance_uuid = ${server} and action <> 'create'`)} others) a`;

/** Returns those of these servers, by uuid, that are closed up to these very tokens. */
export async function readClosed(cell0: Database, servers: readonly FencedServer[]): Promise<Map<string, ClosedInstance>> {
  const found = new Map<string, ClosedInstance>();
  for (let wanted = servers; wanted.length > 0; ) {
    const { documents, truncated } = await queryDocuments<ClosedInstance>(
      cell0,
      `select i.uuid as key, jsonb_build_object('instance', ${instanceDocument('i')}, 'actions', (${actionsOf('i.uuid')})) as doc
       from instances i join ${asked} on asked.uuid = i.uuid and asked.fencing_token = i.closed_to where i.deleted = 0`,
      { servers: wanted },
    );
    for (const [uuid, closed] of documents) found.set(uuid, closed);
    wanted = truncated ? wanted.filter(({ uuid }) => !documents.has(uuid)) : [];
  }
  return found;
}

const changed = changeableColumns.map((column) => `${column} = r.${column}`).join(', ');

/**
 * Buries servers that are back where cell0 has their rows still: each in ERROR again, open, with what its client has changed of it meanwhile, one more fault,
 * and one more event of its `create` action. Where an earlier owner has done that, and did not come to commit it, the row is taken over as it is.
 * @param servers with the token up to which a row is the one that they left.
 * @returns the uuids of the servers that are their owner's now; the others have no row here, or a later owner has it.
 */
export async function buryAgain(cell0: Database, servers: readonly (NewInstance & { former_token: number })[]): Promise<Set<string>> {
  const rows = await query<{ uuid: string }>(
    cell0,
    `with
     -- The servers as they wait, with their create actions and the events of this try.
     documents as (
       select value->'instance' as doc, value#>'{actions,0}' as recorded, value#>'{actions,0,events,0}' as try, (value->>'former_token')::int as former_token
       from jsonb_array_elements(:servers::jsonb)),
     -- Those that have a row of an earlier owner here, under lock, with that one's token.
     found as (
       select i.id, i.fencing_token as written, documents.* from documents join instances i on i.uuid = (doc->>'uuid')::uuid
       where i.deleted = 0 and i.fencing_token < (doc->>'fencing_token')::int order by i.id for update of i),
     -- The row is this owner's.
     taken_over as (
       update instances i set execution = r.execution, fencing_token = r.fencing_token, closed_to = null, vm_state = r.vm_state,
         task_state = r.task_state, updated_at = now(), ${changed}
       from found cross join lateral jsonb_populate_record(null::instances, doc) r where i.id = found.id
       returning i.uuid),
     -- Those whose row is the one that they left.
     back as (select (doc->>'uuid')::uuid as uuid, doc, recorded, try from found where written <= former_token),
     -- The reason of this burial, beside those of the ones before.
     faults as (
       insert into instance_faults (instance_uuid, code, message, details, host)
       select uuid, f.code, left(f.message, 255), f.details, 'cellzero'
       from back cross join lateral jsonb_populate_record(null::instance_faults, doc->'fault') f),
     -- Its first cause, in the place of the one before.
     causes as (
       insert into instance_system_metadata (instance_uuid, key, value)
       select uuid, 'first_cause', doc->'system_metadata'->>'first_cause' from back
       on conflict (instance_uuid, key, deleted) do update set value = excluded.value, updated_at = now()),
     -- The create action ends as this try,
     actions as (
       update instance_actions a set finish_time = (recorded->>'finish_time')::timestamptz, message = recorded->>'message', updated_at = now()
       from back where a.instance_uuid = back.uuid and a.action = 'create'
       returning a.id, try),
     -- which has an event of its own.
     events as (
       insert into instance_actions_events (action_id, event, start_time, finish_time, result, details, host)
       select actions.id, e.event, e.start_time, e.finish_time, e.result, e.details, 'cellzero'
       from actions cross join lateral jsonb_populate_record(null::instance_actions_events, try) e)
     select uuid from taken_over
     union select i.uuid from instances i join documents on i.uuid = (doc->>'uuid')::uuid and i.fencing_token = (doc->>'fencing_token')::int`,
    { servers },
  );
  return new Set(rows.map(({ uuid }) => uuid));
}
