/**
 * What an audit reads of servers in the api database: all that it holds of a server in one row, so that what is read is of one moment. Servers are read a
 * page at a time in the order of their uuids, as in cells.
 */
import { type Database, query } from '../../data-api/client.ts';
import type { Resources } from '../hosts/allocations.ts';

/** What the api database holds of one server. */
export interface ServerRecords {
  uuid: string;
  /** The index has it. */
  mapped: boolean;
  /** It is marked deleted in the index. */
  deleted: boolean;
  /** uuid of the cell it is mapped to. */
  cell: string | null;
  /** Age of its build request in seconds; null when it has none. */
  requested: number | null;
  /** uuid of the target cell of its build request. */
  target_cell: string | null;
  /** It counts against the quota. */
  counted: boolean;
  /** uuid of the cell that it left for another boot, which has a row of it still. */
  former_cell: string | null;
  /** Its request spec is there. */
  specified: boolean;
  /** uuid of the image that it has. */
  image: string | null;
  /** Names of the hosts on which it has allocations, and uuids of the cells of these hosts. */
  hosts: string[];
  host_cells: string[];
  /** Seconds since its index entry or its allocations changed; null when it has no allocations. */
  allocated: number | null;
  /** uuids of its migrations that are not settled. */
  moves: string[];
  /** uuids of the cells with a pending cleanup of it, and for how many seconds each is overdue: negative until it is due. */
  cleanups: string[];
  cleanups_overdue: number[];
  /** How many images that its tasks shall make are queued. */
  queued_images: number;
}

/** A uuid before all others, where a scan begins. */
export const firstUuid = '00000000-0000-0000-0000-000000000000';
const lastUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Returns SQL for the whole seconds since a time. */
export const seconds = (since: string) => `extract(epoch from now() - ${since})::int`;

/** Returns SQL that finds a row by index; a limit keeps the planner from reading whole tables for a page. */
const lookup = (select: string) => `lateral (${select} limit 1)`;

/** Reads the servers of a CTE `(uuid)`. */
const records = (servers: string) => `
  select asked.uuid, m.id is not null as mapped, coalesce(m.queued_for_delete, false) as deleted, c.uuid as cell,
    ${seconds('b.created_at')} as requested, target.uuid as target_cell, former.uuid as former_cell, coalesce(m.instances > 0, false) as counted, s.id is not null as specified, s.image,
    held.hosts, held.host_cells, ${seconds('greatest(held.changed, m.updated_at)')} as allocated,
    noted.cleanups, noted.cleanups_overdue,
    (select count(*) from images where instance_uuid = asked.uuid and status = 'queued') as queued_images,
    array(select migration_uuid::text from migration_consumers where instance_uuid = asked.uuid order by 1) as moves
  from ${servers} asked
  left join ${lookup('select * from instance_mappings where instance_uuid = asked.uuid')} m on true
  left join cell_mappings c on c.id = m.cell_id
  left join ${lookup('select * from build_requests where instance_uuid = asked.uuid')} b on true
  left join cell_mappings target on target.id = b.cell_id left join cell_mappings former on former.id = (b.former->>'cell_id')::int
  left join ${lookup("select id, spec->'image'->>'id' as image from request_specs where instance_uuid = asked.uuid")} s on true
  cross join lateral (
    select coalesce(array_agg(p.name), '{}') as hosts, max(changed) as changed,
      coalesce(array_agg(distinct host_cell.uuid::text) filter (where host_cell.id is not null), '{}') as host_cells
    from (
      select resource_provider_id, max(coalesce(updated_at, created_at)) as changed from allocations
      where consumer_id = asked.uuid group by resource_provider_id) a
    join ${lookup('select name from resource_providers where id = a.resource_provider_id')} p on true
    left join ${lookup('select cell_id from host_mappings where host = p.name')} h on true
    left join cell_mappings host_cell on host_cell.id = h.cell_id) held
  cross join lateral (
    select coalesce(array_agg(w.uuid::text order by w.id), '{}') as cleanups,
      -- A heartbeat may be three minutes old.
      coalesce(array_agg(${seconds(`coalesce(n.due_at, n.created_at + interval '3 minutes')`)} order by w.id), '{}') as cleanups_overdue
    from pending_cleanups n join cell_mappings w on w.id = n.cell_id where n.instance_uuid = asked.uuid) noted
  order by asked.uuid`;

/**
 * Returns the next servers of which anything is left: living ones, and others with a build request, claims, queued images or work; a request spec counts when the index has
 * no such server. Fewer than `limit` when there are no more.
 */
export async function scanServers(api: Database, after: string, limit: number): Promise<ServerRecords[]> {
  const next = (table: string, column: string, and = '') =>
    `(select distinct ${column} from ${table}
        where ${column} > :after::uuid and ${column} <= (select last from stretch) ${and} order by 1 limit :limit)`;
  return query<ServerRecords>(
    api,
    `with
     -- The next living servers.
     living as (
       select instance_uuid from instance_mappings where not queued_for_delete and instance_uuid > :after::uuid order by 1 limit :limit),
     -- How far these reach; to the end when they are fewer than asked for.
     stretch as (
       select coalesce((select instance_uuid from living order by 1 offset :limit - 1 limit 1), '${lastUuid}') as last),
     -- With them, all servers of the stretch of which anything else is left.
     asked (uuid) as (
       select instance_uuid from living
       union ${next('build_requests', 'instance_uuid')}
       union ${next('allocations', 'consumer_id', 'and not exists (select from migration_consumers where migration_uuid = consumer_id)')}
       union ${next('migration_consumers', 'instance_uuid')}
       union ${next('pending_cleanups', 'instance_uuid')}
       union ${next('images', 'instance_uuid', `and status = 'queued'`)}
       union ${next(
         'request_specs s',
         's.instance_uuid',
         'and not exists (select from instance_mappings m where m.instance_uuid = s.instance_uuid)',
       )}
       order by 1 limit :limit)
     ${records('asked')}`,
    { after, limit },
  );
}

/** Returns what the api database holds of these servers: a row for each, also for those it does not have. */
export async function readServers(api: Database, uuids: readonly string[]): Promise<ServerRecords[]> {
  return query<ServerRecords>(
    api,
    `with
     -- The servers that are asked for, known or not.
     asked as (select jsonb_array_elements_text(:uuids::jsonb)::uuid as uuid)
     ${records('asked')}`,
    { uuids },
  );
}

/** A server that has a name and no cell yet. */
export interface NamedBuildRequest {
  uuid: string;
  project: string;
  created: string;
}

/** Returns the servers without a cell that have a name, the newest first. */
export async function findBuildRequestsNamed(api: Database, name: string): Promise<NamedBuildRequest[]> {
  return query<NamedBuildRequest>(
    api,
    `select instance_uuid as uuid, project_id as project, created_at as created
     from build_requests where instance->>'display_name' = :name order by created_at desc limit 1000`,
    { name },
  );
}

/** A server in the api database, for a person to read. Amounts are in the units of placement. */
export interface ServerEntry {
  projectId: string;
  userId: string;
  acceptedAt: string;
  markedDeleted: boolean;
  cell: { uuid: string; name: string; database_connection: string } | null;
  buildRequest: {
    name: string;
    execution: string;
    requestId: string;
    reservationId: string;
    targetCell: string | null;
    acceptedAt: string;
    lastHeartbeat: string;
  } | null;
  allocations: { host: string; amounts: Partial<Resources> }[];
  /** Names of the cells with a pending cleanup of it. */
  pendingCleanups: string[];
}

/** Returns a server of the index, a deleted one too. */
export async function findServerEntry(api: Database, uuid: string): Promise<ServerEntry | undefined> {
  const [row] = await query<{ entry: ServerEntry }>(
    api,
    `select jsonb_build_object(
       'projectId', m.project_id, 'userId', m.user_id, 'acceptedAt', m.created_at, 'markedDeleted', m.queued_for_delete,
       'cell', case when c.id is not null then jsonb_build_object('uuid', c.uuid, 'name', c.name, 'database_connection', c.database_connection) end,
       'buildRequest', case when b.id is not null then jsonb_build_object(
         'name', b.instance->>'display_name', 'execution', b.execution, 'requestId', b.request_id, 'reservationId', b.reservation_id,
         'targetCell', target.name, 'acceptedAt', b.created_at, 'lastHeartbeat', b.updated_at) end,
       'allocations', (
         select coalesce(jsonb_agg(jsonb_build_object('host', host, 'amounts', amounts)), '[]')
         from (
           select p.name as host, jsonb_object_agg(a.resource_class, a.used) as amounts
           from allocations a join resource_providers p on p.id = a.resource_provider_id where a.consumer_id = m.instance_uuid group by p.name) held),
       'pendingCleanups', (
         select coalesce(jsonb_agg(w.name order by w.name), '[]') from pending_cleanups join cell_mappings w on w.id = cell_id
         where instance_uuid = m.instance_uuid)) as entry
     from instance_mappings m left join cell_mappings c on c.id = m.cell_id left join build_requests b on b.instance_uuid = m.instance_uuid
     left join cell_mappings target on target.id = b.cell_id
     where m.instance_uuid = :uuid::uuid`,
    { uuid },
  );
  return row?.entry;
}
