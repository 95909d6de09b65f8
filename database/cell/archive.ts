/** Rows of deleted servers on their way out of a cell: into the shadow tables, and from there away. */
import { type Database, query } from '../data-api/client.ts';
import { serverTables } from './server-tables.ts';

/** Numbers of rows by table. */
export type RowCounts = Readonly<Record<string, number>>;

/** What moving servers into the shadow tables came to. */
export interface ArchivedInstances {
  rows: RowCounts;
  /** Those of the servers that the cell has no row of any more, whatever moved it. */
  gone: string[];
  /** Others are deleted, too, but were too many rows for one time. */
  more: boolean;
}

const ofServers = ['instances', ...serverTables, 'instance_actions', 'instance_actions_events'] as const;

/** SQL of how many rows a server has in all tables. */
function rowsOfServer(uuid: string): string {
  return [
    '1',
    ...[...serverTables, 'instance_actions'].map((table) => `(select count(*) from ${table} where instance_uuid = ${uuid})`),
    `(select count(*) from instance_actions a join instance_actions_events e on e.action_id = a.id where a.instance_uuid = ${uuid})`,
  ].join(' + ');
}

/** SQL of the rows of a table that belong to the servers of a CTE `(uuid)`. */
function rowsOf(table: string, servers: string): string {
  if (table === 'instances') return `uuid in (select uuid from ${servers})`;
  if (table !== 'instance_actions_events') return `instance_uuid in (select uuid from ${servers})`;
  return `action_id in (select id from instance_actions where instance_uuid in (select uuid from ${servers}))`;
}

/**
 * Moves those of these servers that are deleted into the shadow tables, whole, until a number of rows are moved: a server more than that at most. A living
 * one stays as it is. Servers that another call moves at this moment are left to it.
 */
export async function archiveInstances(cell: Database, servers: readonly string[], rows: number): Promise<ArchivedInstances> {
  const moves = ofServers.map(
    (table) => `
     -- Moved to its shadow.
     ${table}_gone as (delete from ${table} where ${rowsOf(table, 'chosen')} returning *),
     -- Counted there.
     ${table}_kept as (insert into shadow_${table} select * from ${table}_gone returning 1)`,
  );
  const counts = ofServers.map((table) => `'${table}', (select count(*) from ${table}_kept)`);
  const [row] = await query<ArchivedInstances>(
    cell,
    `with
     -- The servers to archive.
     asked as (select jsonb_array_elements_text(:servers::jsonb)::uuid as uuid),
     -- Those that are deleted and that nobody else is moving, with the number of their rows.
     candidates as (
       select i.id, i.uuid, ${rowsOfServer('i.uuid')} as rows from instances i
       where i.uuid in (select uuid from asked) and i.deleted <> 0 order by i.id for update skip locked),
     -- As many as fit the number of rows, and one more at most.
     chosen as (
       select uuid from (select uuid, sum(rows) over (order by id) - rows as before from candidates) c where before < :rows),
     -- Tags have no shadow table.
     tags_gone as (delete from tags where resource_id in (select uuid from chosen)),${moves.join(',')}
     select jsonb_build_object(${counts.join(', ')}) as rows,
       array(select uuid::text from asked where uuid in (select uuid from chosen) or uuid not in (select uuid from instances)) as gone,
       (select count(*) from candidates) > (select count(*) from chosen) as more`,
    { servers, rows },
  );
  if (!row) throw new Error('a select without from returns one row');
  return row;
}

/** The column that says how old an archived row is. */
export function ageColumn(table: string): 'created_at' | 'deleted_at' {
  return table.startsWith('instance_actions') ? 'created_at' : 'deleted_at';
}

/** Removes rows of the shadow tables for good, at most `limit` of each; those older than a time (ISO 8601), or (null) all. */
export async function purgeShadowTables(cell: Database, before: string | null, limit: number): Promise<RowCounts> {
  const purges = ofServers.map(
    (table) => `
     -- The next rows that are old enough, wherever they stand.
     ${table} as (
       delete from shadow_${table} where ctid = any (array(
         select ctid from shadow_${table} where :before::timestamptz is null or ${ageColumn(table)} < :before::timestamptz limit :limit))
       returning 1)`,
  );
  const counts = ofServers.map((table) => `'shadow_${table}', (select count(*) from ${table})`);
  const [row] = await query<{ rows: RowCounts }>(cell, `with${purges.join(',')} select jsonb_build_object(${counts.join(', ')}) as rows`, {
    before,
    limit,
  });
  return row?.rows ?? {};
}
