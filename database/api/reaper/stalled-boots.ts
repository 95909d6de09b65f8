/** Boots and builds that nobody moves any more: another execution takes them over, and the old one can do nothing from then on. */
import { type Database, query } from '../../data-api/client.ts';
import type { FencedServer } from '../../servers/ownership.ts';

/** Servers that a new execution shall take on. */
export interface StalledBoot {
  execution: string;
  /** Of the request that asked for them. */
  requestId: string;
  servers: string[];
}

/** Servers at a time, in whole reservations: their ids fit one answer of the Data API. The next run takes the next. */
const most = 5_000;

/**
 * Takes boots whose last heartbeat is `silence` seconds old away from their workflow and names a new execution for each; the old one can do nothing any more.
 */
export async function takeOverStalledBoots(api: Database, silence: number): Promise<StalledBoot[]> {
  return query<StalledBoot>(
    api,
    `with silent as (
       select reservation_id, sum(count(*)) over (order by min(updated_at), reservation_id) as servers
       from build_requests where updated_at <= now() - make_interval(secs => :silence) group by reservation_id),
     mine as (
       select b.id from build_requests b join silent using (reservation_id)
       where silent.servers <= ${most} and b.updated_at <= now() - make_interval(secs => :silence) order by b.id for update of b skip locked),
     taken as (
       update build_requests b set execution = reservation_id || '-' || (extract(epoch from now()) * 1000000)::bigint,
         fencing_token = fencing_token + 1, updated_at = now()
       from mine where b.id = mine.id
       returning request_id, instance_uuid, execution)
     select execution, max(request_id) as "requestId", jsonb_agg(instance_uuid) as servers from taken group by execution`,
    { silence },
  );
}

/**
 * Takes builds in a cell away from their execution and names another one; their pending cleanups count from now.
 * @param builds as they were listed: a build that has another owner since, or whose cleanup has another number, where one is given, is left alone.
 * @returns the uuids of the servers that the execution owns now.
 */
export async function takeOverBuilds(
  api: Database,
  execution: string,
  cell: string,
  builds: readonly (FencedServer & { generation?: number })[],
): Promise<string[]> {
  const rows = await query<{ uuid: string }>(
    api,
    `with stalled as (
       select p.instance_uuid, p.cell_id, build.fencing_token
       from jsonb_to_recordset(:builds::jsonb) as build (uuid uuid, fencing_token int, generation int)
       join cell_mappings c on c.uuid = :cell::uuid
       join pending_cleanups p on p.instance_uuid = build.uuid and p.cell_id = c.id and p.generation = coalesce(build.generation, p.generation)
       order by p.instance_uuid),
     taken as (
       update instance_mappings m set execution = :execution, fencing_token = m.fencing_token + 1, updated_at = now()
       from stalled where m.instance_uuid = stalled.instance_uuid and m.cell_id = stalled.cell_id
         and m.fencing_token = stalled.fencing_token and not m.queued_for_delete
       returning m.instance_uuid, m.cell_id, m.fencing_token),
     touched as (
       update pending_cleanups p set created_at = now(), generation = p.generation + 1, due_at = null, fencing_token = taken.fencing_token
       from taken where p.instance_uuid = taken.instance_uuid and p.cell_id = taken.cell_id)
     select instance_uuid as uuid from taken`,
    { execution, cell, builds },
  );
  return rows.map(({ uuid }) => uuid);
}
