/**
 * What may be left to finish in cells: noted in the statement after which something may be left, completed when it is done. The reaper reads it here and
 * asks only the cells concerned, so idle ones sleep.
 */
import { type Database, query } from '../../data-api/client.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import { dueHosts, type HostCleanup } from '../hosts/host-cleanups.ts';
import { removeSnapshotsOf } from '../snapshots.ts';

/** A server that a cell may have something to do for. */
export interface PendingCleanup extends FencedServer {
  /** How often it was noted: what is noted again meanwhile has another number. */
  generation: number;
  /** uuids of its migrations that are not settled. */
  moves: string[];
}

/** The pending cleanups of a cell. */
export interface CellCleanups {
  cell: { uuid: string; name: string; database_connection: string };
  /** Servers that are mapped to the cell, with the token of their owner. */
  own: PendingCleanup[];
  /** Servers that went elsewhere: the cell may hold an orphaned row, written with this token or an earlier one, that nobody ever saw. */
  orphaned: PendingCleanup[];
  /** Hosts of the cell that were forced down, or are up again. */
  hosts: HostCleanup[];
}

/**
 * SQL that notes cleanups of a selection of (instance_uuid, cell_id, fencing_token). A server and a cell have one note between all who make it: one made
 * again is due when it was before, or at the earlier of both times: who asks a stalled server for something again and again does not keep the reaper from it.
 * The generation of the note may be returned.
 * @param due SQL of the time at which the reaper shall look, which may name the columns of the selection; by default when nothing was noted again for as long
 *   as a step may be silent.
 */
export function notePending(cleanups: string, due = 'null'): string {
  return `insert into pending_cleanups (instance_uuid, cell_id, fencing_token, due_at)
    select instance_uuid, cell_id, fencing_token, (${due})::timestamptz
    from (${cleanups}) as noting (instance_uuid, cell_id, fencing_token)
    on conflict (instance_uuid, cell_id) do update
    set generation = pending_cleanups.generation + 1, noted_at = now(), fencing_token = greatest(pending_cleanups.fencing_token, excluded.fencing_token),
      due_at = case when pending_cleanups.due_at is not null and excluded.due_at is not null then least(pending_cleanups.due_at, excluded.due_at) end`;
}

/** SQL of the time at which a row of pending_cleanups is due; `:silence` is how many seconds a step may be silent. */
export const cleanupDue = 'coalesce(due_at, created_at + make_interval(secs => :silence))';

/** Notes that a cell may hold orphaned rows of servers, written with these tokens. */
export async function noteOrphanedRows(api: Database, cell: string, servers: readonly FencedServer[]): Promise<void> {
  const rows = `
    select list.uuid, c.id, fencing_token from jsonb_to_recordset(:servers::jsonb) as list (uuid uuid, fencing_token int)
    join cell_mappings c on c.uuid = :cell::uuid`;
  await query(api, `with noted as (${notePending(rows)}) select 1`, { cell, servers });
}

/** At most this many servers at a time; the next run takes the next. */
const most = 500;

/** Returns the cleanups of servers and hosts that are due, by cell; those without a due time of their own when they were noted `silence` seconds ago or earlier. */
export async function listPendingCleanups(api: Database, silence: number): Promise<CellCleanups[]> {
  return query<CellCleanups>(
    api,
    `with old as (
       select * from pending_cleanups where ${cleanupDue} <= now() order by ${cleanupDue} limit ${most}),
     known as (
       select old.cell_id, coalesce(m.cell_id = old.cell_id, false) as own,
         jsonb_build_object('uuid', old.instance_uuid, 'generation', old.generation,
           'moves', (select coalesce(jsonb_agg(migration_uuid), '[]') from migration_consumers c where c.instance_uuid = old.instance_uuid),
           'fencing_token', case when m.cell_id = old.cell_id then m.fencing_token else old.fencing_token end) as cleanup
       from old left join instance_mappings m using (instance_uuid)),
     ${dueHosts}
     select jsonb_build_object('uuid', c.uuid, 'name', c.name, 'database_connection', c.database_connection) as cell,
       coalesce(jsonb_agg(cleanup) filter (where own), '[]') as own,
       coalesce(jsonb_agg(cleanup) filter (where not own), '[]') as orphaned,
       (select coalesce(jsonb_agg(cleanup), '[]') from due_hosts where due_hosts.cell_id = c.id) as hosts
     from cell_mappings c left join known on known.cell_id = c.id
     where known.cell_id is not null or c.id in (select cell_id from due_hosts)
     group by c.id`,
    { silence },
  );
}

/** At most this many uuids of servers fit one answer. */
const mostServers = 5_000;

/** Returns the servers that cells may have something to do for, due or not, by cell, and no more than 5,000; the first that were noted. */
export async function listNotedServers(api: Database): Promise<{ name: string; database_connection: string; servers: string[] }[]> {
  return query(
    api,
    `with noted as (select * from pending_cleanups order by created_at limit ${mostServers})
     select c.name, c.database_connection, jsonb_agg(noted.instance_uuid) as servers
     from noted join cell_mappings c on c.id = noted.cell_id group by c.id order by c.name`,
  );
}

/** Moves the due times of cleanups of a cell, but for those noted again since they were listed. */
export async function touchCleanups(
  api: Database,
  cell: string,
  cleanups: readonly (PendingCleanup & { due_at: string })[],
): Promise<void> {
  await query(
    api,
    `update pending_cleanups p set due_at = touched.due_at
     from cell_mappings c, jsonb_to_recordset(:cleanups::jsonb) as touched (uuid uuid, generation int, due_at timestamptz)
     where c.id = p.cell_id and c.uuid = :cell::uuid and p.instance_uuid = touched.uuid and p.generation = touched.generation`,
    { cell, cleanups },
  );
}

/**
 * Removes cleanups of a cell that are done, but for those noted again since they were listed, and the images of these servers that no task has made active. One that was noted less than `silence` seconds ago, though it was
 * due before, is due when that is over: what its noter is about to do may not have reached the cell when it was looked at.
 */
export async function completeCleanups(api: Database, cell: string, cleanups: readonly PendingCleanup[], silence: number): Promise<void> {
  await query(
    api,
    `with done as (
       select p.instance_uuid, p.cell_id, p.noted_at + make_interval(secs => :silence) as until
       from pending_cleanups p join cell_mappings c on c.id = p.cell_id
       join jsonb_to_recordset(:cleanups::jsonb) as done (uuid uuid, generation int) on p.instance_uuid = done.uuid and p.generation = done.generation
       where c.uuid = :cell::uuid order by p.instance_uuid for update of p),
     -- What no task makes any more of servers that are mapped to the cell.
     images_gone as (
       ${removeSnapshotsOf('select m.instance_uuid from done join instance_mappings m using (instance_uuid, cell_id) where until <= now()')}),
     kept as (
       update pending_cleanups p set due_at = until from done
       where p.instance_uuid = done.instance_uuid and p.cell_id = done.cell_id and until > now())
     delete from pending_cleanups p using done where p.instance_uuid = done.instance_uuid and p.cell_id = done.cell_id and until <= now()`,
    { cell, cleanups, silence },
  );
}
