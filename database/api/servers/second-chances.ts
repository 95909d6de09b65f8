/** Buried servers that are sent through another boot, chosen by the index: it says who is in cell0, whatever state an admin has set there. */
import { type Database, query } from '../../data-api/client.ts';
import type { BlockDeviceMapping } from '../../servers/columns.ts';
import type { Instance } from '../../servers/document.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import { removeSnapshotsOf } from '../snapshots.ts';
import type { Former } from './build-requests.ts';

/** Where a server stands that may be asked for. */
export type Standing =
  | 'buried'
  /** On its way into a cell. */
  | 'waiting'
  /** In another cell. */
  | 'elsewhere'
  | 'deleted';

/** A server of the index. */
export interface IndexedServer extends FencedServer {
  /** Its place in the order of the index. */
  id: number;
  project: string;
  standing: Standing;
}

/**
 * Returns servers in the order of the index; fewer than `limit` when there are no more.
 * @param servers these, wherever they are; null returns the living ones of cell0.
 * @param project restricts to a project; null sees all.
 */
export async function listServersToReschedule(
  api: Database,
  cell0: string,
  { servers, project, after, limit }: { servers: readonly string[] | null; project: string | null; after: number; limit: number },
): Promise<IndexedServer[]> {
  const which = servers
    ? 'm.instance_uuid = any (array(select jsonb_array_elements_text(:servers::jsonb)::uuid))'
    : 'm.cell_id = (select id from cell_mappings where uuid = :cell0::uuid) and not m.queued_for_delete';
  return query<IndexedServer>(
    api,
    `select m.id, m.instance_uuid as uuid, m.project_id as project, m.fencing_token,
       case when m.queued_for_delete then 'deleted' when m.cell_id is null then 'waiting' when c.uuid <> :cell0::uuid then 'elsewhere'
         else 'buried' end as standing
     from instance_mappings m left join cell_mappings c on c.id = m.cell_id
     where ${which} and (:project::text is null or m.project_id = :project) and m.id > :after order by m.id limit :limit`,
    { cell0, project, after, limit, ...(servers && { servers }) },
  );
}

/** A buried server as it waits for a cell again. */
export interface ReturningServer extends FencedServer {
  /** Of the request that asked for it first. */
  request_id: string;
  instance: Omit<Instance, 'block_device_mappings' | 'tags'>;
  block_device_mappings: BlockDeviceMapping[];
  tags: string[];
  former: Pick<Former, 'fencing_token' | 'actions'>;
}

/**
 * Takes servers out of cell0: from this one statement on each is a build request again, under a new execution and the next token, and has no cell. One that was
 * deleted, or that anybody has taken a later token for since it was read, stays. What was noted for it in cell0 is done with: its row is closed and lives, so
 * a delete or an action that began there has done nothing, and finds the build request when it goes on. Nobody has moved it yet: the reaper starts it. Its
 * quota is not touched. Sent twice, it answers the same.
 * @returns the uuids of those that were taken out.
 */
export async function rescheduleServers(api: Database, cell0: string, servers: readonly ReturningServer[]): Promise<Set<string>> {
  const rows = await query<{ uuid: string }>(
    api,
    `with
     -- The servers, as their rows in cell0 were closed and read.
     asked as (
       select *, 'reschedule-' || uuid || '-' || fencing_token as new_execution
       from jsonb_to_recordset(:servers::jsonb) as list
         (uuid uuid, fencing_token int, request_id text, instance jsonb, block_device_mappings jsonb, tags jsonb, former jsonb)),
     -- Those that are there still as they were read, under lock.
     buried as (
       select m.id, m.cell_id from instance_mappings m join asked on asked.uuid = m.instance_uuid
       join cell_mappings c on c.id = m.cell_id and c.uuid = :cell0::uuid
       where m.fencing_token = asked.fencing_token and not m.queued_for_delete
       order by m.id for update of m),
     -- They have no cell, and what was begun for them before has another owner.
     freed as (
       update instance_mappings m set cell_id = null, execution = null, fencing_token = m.fencing_token + 1, updated_at = now()
       from buried where m.id = buried.id
       returning m.instance_uuid, m.project_id, m.fencing_token, buried.cell_id),
     -- Nothing is left to do for them in cell0.
     done as (
       delete from pending_cleanups p using freed where p.instance_uuid = freed.instance_uuid and p.cell_id = freed.cell_id),
     -- No task makes images of them that are queued.
     images_gone as (${removeSnapshotsOf('select instance_uuid from freed')}),
     -- They wait for a cell again, each for itself: one that fits is not kept by others of its request.
     requests as (
       insert into build_requests (instance_uuid, project_id, reservation_id, request_id, execution, fencing_token, instance, block_device_mappings, tags,
         former, updated_at)
       select uuid, project_id, new_execution, request_id, new_execution, freed.fencing_token, instance, block_device_mappings, tags,
         former || jsonb_build_object('cell_id', freed.cell_id, 'since', now()), now() - interval '1 hour'
       from freed join asked on asked.uuid = freed.instance_uuid)
     select instance_uuid as uuid from freed
     union select instance_uuid from build_requests b join asked on b.instance_uuid = uuid and b.reservation_id = new_execution`,
    { cell0, servers },
  );
  return new Set(rows.map(({ uuid }) => uuid));
}

/**
 * Takes the next token for a server in cell0, so that nobody who has read it before can take it out.
 * @returns the token, with the URL of cell0; undefined when the server is not there, or deleted.
 */
export async function keepInCell0(
  api: Database,
  cell0: string,
  server: string,
): Promise<{ fencing_token: number; database_connection: string } | undefined> {
  const [kept] = await query<{ fencing_token: number; database_connection: string }>(
    api,
    `update instance_mappings m set fencing_token = m.fencing_token + 1, updated_at = now() from cell_mappings c
     where m.instance_uuid = :server::uuid and c.id = m.cell_id and c.uuid = :cell0::uuid and not m.queued_for_delete
     returning m.fencing_token, c.database_connection`,
    { cell0, server },
  );
  return kept;
}
