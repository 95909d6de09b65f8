/**
 * What may be left to finish in cells: noted in the statement after which something may be left, struck out when it is done. The reaper reads it here and
 * asks only the cells concerned, so idle ones sleep.
 */
import { type Database, query } from '../data-api.ts';

/** Servers that a cell may have something to do for. */
export interface CellWork {
  cell: { uuid: string; name: string; database_connection: string };
  /** Servers that are mapped to the cell. */
  own: string[];
  /** Servers that went elsewhere: the cell may hold a row of them that nobody ever saw. */
  strays: string[];
}

/** SQL that notes work of a selection of (instance_uuid, cell_id); what was noted before counts from now. */
export function cellWork(instancesAndCells: string): string {
  return `insert into cell_work (instance_uuid, cell_id) ${instancesAndCells}
    on conflict (instance_uuid, cell_id) do update set created_at = now()`;
}

/** Notes that a cell may hold a row of a server that is not its own. */
export async function noteStray(api: Database, cell: string, server: string): Promise<void> {
  await query(api, `with noted as (${cellWork('select :server::uuid, id from cell_mappings where uuid = :cell::uuid')}) select 1`, {
    cell,
    server,
  });
}

/** So many servers at a time; the next run takes the next. */
const most = 500;

/** Gives the work that was noted so many seconds ago or earlier, by cell. */
export async function listCellWork(api: Database, age: number): Promise<CellWork[]> {
  return query<CellWork>(
    api,
    `with old as (
       select * from cell_work where created_at <= now() - make_interval(secs => :age) order by created_at limit ${most})
     select jsonb_build_object('uuid', c.uuid, 'name', c.name, 'database_connection', c.database_connection) as cell,
       coalesce(jsonb_agg(w.instance_uuid) filter (where m.cell_id = c.id), '[]') as own,
       coalesce(jsonb_agg(w.instance_uuid) filter (where m.cell_id is distinct from c.id), '[]') as strays
     from old w join cell_mappings c on c.id = w.cell_id left join instance_mappings m on m.instance_uuid = w.instance_uuid
     group by c.id`,
    { age },
  );
}

/** Strikes out work of a cell that is done, unless it was noted again less than so many seconds ago. */
export async function strikeOutCellWork(api: Database, cell: string, servers: readonly string[], age: number): Promise<void> {
  await query(
    api,
    `delete from cell_work w using cell_mappings c
     where c.id = w.cell_id and c.uuid = :cell::uuid and w.created_at <= now() - make_interval(secs => :age)
       and w.instance_uuid = any (array(select jsonb_array_elements_text(:servers::jsonb)::uuid))`,
    { cell, servers, age },
  );
}

/** Notes work of a cell that goes on, so that it is looked at later and not at once again. */
export async function renewCellWork(api: Database, cell: string, servers: readonly string[]): Promise<void> {
  await query(
    api,
    `update cell_work w set created_at = now() from cell_mappings c
     where c.id = w.cell_id and c.uuid = :cell::uuid
       and w.instance_uuid = any (array(select jsonb_array_elements_text(:servers::jsonb)::uuid))`,
    { cell, servers },
  );
}
