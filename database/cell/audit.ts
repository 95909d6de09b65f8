/** What an audit reads of a cell: the state of each server, and which rows it lacks. */
import { type Database, query } from '../data-api/client.ts';
import type { TaskState, VmState } from '../servers/document.ts';

/** A server's row in a cell. */
export interface ServerRow {
  uuid: string;
  vm_state: VmState;
  host: string | null;
  deleted: boolean;
  task_state: TaskState | null;
  /** uuid of the image of its root disk; null when that is on a volume. */
  image: string | null;
  /** What is being done to it, if anything is. */
  task: string | null;
  /** uuid of its migration, while two hosts may have it. */
  move: string | null;
  /** Seconds since its host should have begun the task, or ended it; negative until then. */
  overdue: number | null;
  /** Seconds since the server was accepted; of one that is being built, since this try of it began. */
  age: number;
  /** Whether an admin has said once what state it is in. */
  reset: boolean;
  /** The tables where a row of the server is missing; empty when it is complete. A deleted server lacks nothing. */
  lacks: string[];
}

const reset = `select x.id from instance_actions x where x.instance_uuid = i.uuid and x.action = 'resetState' limit 1`;

/**
 * Tables with a row for every server, and the first row of each for the server `i`. A subquery that returns a value is run by index, for a page at a time.
 * A server in ERROR has a fault, or an admin has set that state, which leaves none.
 */
const parts: Readonly<Record<string, string>> = {
  instance_extra: 'select x.id from instance_extra x where x.instance_uuid = i.uuid and x.deleted = 0',
  instance_info_caches: 'select x.id from instance_info_caches x where x.instance_uuid = i.uuid and x.deleted = 0',
  instance_actions: `
    select x.id from instance_actions x join instance_actions_events e on e.action_id = x.id
    where x.instance_uuid = i.uuid and x.action = 'create' limit 1`,
  instance_faults: `
    select case when i.vm_state <> 'error' then 0
      else coalesce(
        (select x.id from instance_faults x where x.instance_uuid = i.uuid and x.deleted = 0 limit 1),
        (${reset})) end`,
};

const lacks = Object.entries(parts).map(([name, first]) => `case when i.deleted = 0 and (${first}) is null then '${name}' end`);

const age = `extract(epoch from now() - coalesce(
  case when i.vm_state = 'building' then (
    select max(e.start_time) from instance_actions x join instance_actions_events e on e.action_id = x.id
    where x.instance_uuid = i.uuid and x.action = 'create') end, i.created_at))::int`;

const columns = `i.uuid, i.vm_state, i.host, i.deleted <> 0 as deleted, i.task_state, nullif(i.image_ref, '') as image, i.task->>'action' as task,
  (select m.uuid from migrations m where m.instance_uuid = i.uuid and m.outcome is null) as move,
  extract(epoch from now() - coalesce(i.task->>'due_at', i.task->>'asked_at')::timestamptz)::int as overdue, ${age} as age,
  (${reset}) is not null as reset, array_remove(array[${lacks.join(', ')}], null) as lacks`;

/** Returns the next living servers by uuid; fewer than `limit` when there are no more. */
export async function scanInstances(cell: Database, after: string, limit: number): Promise<ServerRow[]> {
  return query<ServerRow>(
    cell,
    `select ${columns} from instances i where i.uuid > :after::uuid and i.deleted = 0 order by i.uuid limit :limit`,
    { after, limit },
  );
}

/** Returns the next servers by uuid, deleted ones too; fewer than `limit` when there are no more. */
export async function listInstanceUuids(cell: Database, after: string, limit: number): Promise<string[]> {
  const rows = await query<{ uuid: string }>(cell, 'select uuid from instances where uuid > :after::uuid order by uuid limit :limit', {
    after,
    limit,
  });
  return rows.map(({ uuid }) => uuid);
}

/** Returns the rows of those of these servers that the cell has, of deleted ones too. */
export async function readInstances(cell: Database, uuids: readonly string[]): Promise<ServerRow[]> {
  return query<ServerRow>(
    cell,
    `select ${columns} from instances i where i.uuid = any (array(select jsonb_array_elements_text(:uuids::jsonb)::uuid)) order by i.uuid`,
    { uuids },
  );
}

/** Living servers of cell0 that share a cause, a project and a day. */
export interface Burials {
  /** The day of the burial in UTC, `2026-01-31`. */
  day: string;
  project: string;
  cause: string;
  servers: number;
  /** When the first and the last of them were buried. */
  first: string;
  last: string;
}

/** A living server of cell0. */
export interface BuriedServer {
  uuid: string;
  name: string | null;
  project: string;
  cause: string;
  /** When it was buried. */
  buried: string;
}

/** Groups, or servers, that one answer of the Data API holds. */
const mostRows = 1_000;

/** The living servers that were buried in the last `:days` days, or all, each with its latest fault and the first cause that the burial noted. */
const latestFaults = `
  select distinct on (f.instance_uuid) i.uuid, i.display_name, i.project_id, f.created_at, coalesce(noted.value, f.message, '') as cause
  from instance_faults f join instances i on i.uuid = f.instance_uuid
  left join instance_system_metadata noted on noted.instance_uuid = i.uuid and noted.key = 'first_cause' and noted.deleted = 0
  where i.deleted = 0 and f.deleted = 0 and (:days::int is null or f.created_at >= now() - make_interval(days => :days::int))
  order by f.instance_uuid, f.created_at desc, f.id desc`;

/**
 * Lists what is in cell0 with the first cause that the burial noted (where it noted none, the sentence of the fault), newest first, and no more than 1,000.
 * @param days only what was buried in the last days; null for all.
 */
export async function listBuriedServers(cell0: Database, days: number | null): Promise<BuriedServer[]> {
  return query<BuriedServer>(
    cell0,
    `with latest as (${latestFaults})
     select uuid, display_name as name, project_id as project, cause, created_at as buried
     from latest order by created_at desc, uuid limit ${mostRows}`,
    { days },
  );
}

/**
 * Counts what is in cell0 by the first cause that the burial noted (where it noted none, by the sentence of the fault), newest first.
 * @param days only what was buried in the last days; null for all.
 */
export async function countBurials(cell0: Database, days: number | null): Promise<Burials[]> {
  return query<Burials>(
    cell0,
    `with latest as (${latestFaults})
     select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD') as day, project_id as project, cause,
       count(*)::int as servers, min(created_at) as first, max(created_at) as last
     from latest group by 1, 2, 3 order by 1 desc, 4 desc, 2, 3 limit ${mostRows}`,
    { days },
  );
}

/** A server that has a name, which others may have, too. */
export interface NamedServer {
  uuid: string;
  project: string;
  deleted: boolean;
  created: string;
}

/** Returns the servers of the cell that have a name, deleted ones too, the newest first, and no more than 1,000. */
export async function findServersNamed(cell: Database, name: string): Promise<NamedServer[]> {
  return query<NamedServer>(
    cell,
    `select uuid, project_id as project, deleted <> 0 as deleted, created_at as created
     from instances where display_name = :name order by created_at desc, uuid limit ${mostRows}`,
    { name },
  );
}
