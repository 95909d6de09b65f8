/**
 * Deleted servers that may leave the index: nothing of them is left to do. No workflow may still write them, no cell may hold remains of them, and they
 * have no allocations. A server that is deleted stays deleted, so what may leave may leave for good.
 */
import { type Database, query } from '../data-api/client.ts';
import { type CellMapping, cellColumns } from './cells/cell-mappings.ts';

/** SQL that is true of a mapping `m` that may leave. Work left in the server's own cell hinders unless the cell itself goes. */
const finished = (ownCellGoes = false) => `
  m.queued_for_delete
  and not exists (select from build_requests b where b.instance_uuid = m.instance_uuid)
  and not exists (select from allocations a where a.consumer_id = m.instance_uuid)
  and not exists (
    select from pending_cleanups w where w.instance_uuid = m.instance_uuid ${ownCellGoes ? 'and w.cell_id is distinct from m.cell_id' : ''})`;

const oldEnough = '(:before::timestamptz is null or m.updated_at < :before::timestamptz)';

/** Returns the cells with deleted servers that may leave; those deleted before a time (ISO 8601), or (null) any. */
export async function listCellsWithDeleted(api: Database, before: string | null): Promise<CellMapping[]> {
  const deleted = `select from instance_mappings m where m.cell_id = c.id and ${finished()} and ${oldEnough}`;
  return query<CellMapping>(api, `select ${cellColumns} from cell_mappings c where exists (${deleted}) order by name, uuid`, { before });
}

/** A place in the index. */
export interface DeletedServer {
  id: number;
  uuid: string;
}

/** Returns the next deleted servers of a cell (null: of none) that may leave, in the order of the index; fewer than `limit` when there are no more. */
export async function listDeleted(
  api: Database,
  cell: string | null,
  before: string | null,
  after: number,
  limit: number,
): Promise<DeletedServer[]> {
  const there = cell === null ? 'm.cell_id is null' : 'm.cell_id = (select id from cell_mappings where uuid = :cell::uuid)';
  return query<DeletedServer>(
    api,
    `select m.id, m.instance_uuid as uuid from instance_mappings m
     where ${there} and m.id > :after and ${finished()} and ${oldEnough} order by m.id limit :limit`,
    { before, after, limit, ...(cell === null ? {} : { cell }) },
  );
}

/** How many rows left the index. */
export interface DeletedMappings {
  instance_mappings: number;
  request_specs: number;
  instance_group_member: number;
}

/** SQL that lets mappings leave, with request spec and membership of each. */
const deletion = (which: string) => `
  gone as (delete from instance_mappings m where ${which} returning m.instance_uuid),
  specs as (delete from request_specs s using gone where s.instance_uuid = gone.instance_uuid returning s.id),
  members_held as (
    select member.id from instance_group_member member join gone using (instance_uuid) order by member.id for update of member),
  members as (delete from instance_group_member where id in (select id from members_held) returning id)
  select (select count(*)::int from gone) as instance_mappings, (select count(*)::int from specs) as request_specs,
    (select count(*)::int from members) as instance_group_member`;

const nothing: DeletedMappings = { instance_mappings: 0, request_specs: 0, instance_group_member: 0 };

/** Lets those of these servers leave the index that may. */
export async function deleteMappings(api: Database, servers: readonly string[]): Promise<DeletedMappings> {
  const [row] = await query<DeletedMappings>(
    api,
    `with ${deletion(`m.instance_uuid in (select jsonb_array_elements_text(:servers::jsonb)::uuid) and ${finished()}`)}`,
    { servers },
  );
  return row ?? nothing;
}

/** Lets deleted servers of a cell leave that is itself about to go; at most `limit`. */
export async function deleteMappingsOf(api: Database, cell: string, limit: number): Promise<DeletedMappings> {
  const [row] = await query<DeletedMappings>(
    api,
    `with first as (
       select m.id from instance_mappings m join cell_mappings c on c.id = m.cell_id
       where c.uuid = :cell::uuid and ${finished(true)} limit :limit),
     ${deletion(`m.id in (select id from first) and ${finished(true)}`)}`,
    { cell, limit },
  );
  return row ?? nothing;
}
