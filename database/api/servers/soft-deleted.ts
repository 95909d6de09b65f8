/**
 * The quota of servers that their cells have soft-deleted: such a server holds none, and must get it again before it is restored. What a cell says of a server
 * is acted on here only if nothing was begun since, which the generation of its note shows.
 */
import { type Database, query, queryDocuments } from '../../data-api/client.ts';
import { notePending } from '../cells/pending-cleanups.ts';
import type { QuotaResource } from '../quotas.ts';
import { joinedMappings, mappingDocument, type NotedMapping } from './instance-mappings.ts';
import { quotaOf } from './release.ts';

/** The mapping of a server that shall live again. */
export interface RestoredMapping extends NotedMapping {
  /** Null when the server holds its quota: it did, or this has taken it. Otherwise why it does not; ram in MiB. */
  exceeded: {
    limits: Record<QuotaResource, number>;
    used: Record<QuotaResource, number>;
    flavor: { vcpus: number; memory_mb: number };
  } | null;
}

/**
 * As findInstanceMappingToChange, for a change after which the server holds quota: takes it when the server holds none and the limits allow that. Sent twice,
 * it takes it once.
 * @param defaults limits where the project has none of its own; null takes it whatever the limits are.
 */
export async function findInstanceMappingToRestore(
  api: Database,
  uuid: string,
  projectId: string | null,
  defaults: Readonly<Record<QuotaResource, number>> | null,
): Promise<RestoredMapping | undefined> {
  const { documents } = await queryDocuments<RestoredMapping>(
    api,
    `select m.instance_uuid as key, ${mappingDocument()} || jsonb_build_object('generation', (select generation from begun), 'exceeded',
       case when m.instances = 0 and not exists (select from taken) then (
         select jsonb_build_object('limits', (select jsonb_object_agg(resource, value) from limits),
           'used', jsonb_build_object('instances', usage.instances, 'cores', usage.cores, 'ram', usage.ram),
           'flavor', jsonb_build_object('vcpus', wanted.cores, 'memory_mb', wanted.ram)) from usage cross join wanted) end) as doc
     from ${joinedMappings('found')}`,
    { uuid, project_id: projectId, defaults: defaults ?? {} },
    {
      ctes: `
       -- The server, if it lives and is of the project; nobody else changes what it holds meanwhile.
       found as (
         select * from instance_mappings
         where instance_uuid = :uuid::uuid and not queued_for_delete and (:project_id::text is null or project_id = :project_id) for update),
       -- What is done to it begins in its cell.
       begun as (${notePending('select instance_uuid, cell_id, fencing_token from found where cell_id is not null')} returning generation),
       -- What it shall hold, if it holds nothing.
       wanted as (
         select m.instance_uuid, m.project_id, coalesce((spec->'flavor'->>'vcpus')::int, 0) as cores, coalesce((spec->'flavor'->>'memory_mb')::int, 0) as ram
         from found m left join request_specs s using (instance_uuid) where m.instances = 0),
       -- What the project uses, under lock.
       usage as (select q.* from quota_usages q join wanted using (project_id) for update of q),
       -- What it may use.
       limits as (
         select key as resource, quota_limit(usage.project_id, key, value::int) as value
         from usage cross join jsonb_each_text(:defaults::jsonb)),
       -- It holds that, unless a limit is passed.
       taken as (
         update instance_mappings m set instances = 1, cores = wanted.cores, ram = wanted.ram, updated_at = now()
         from wanted cross join usage
         where m.instance_uuid = wanted.instance_uuid and not exists (
           select from limits where value >= 0 and value < case resource when 'instances' then usage.instances + 1
             when 'cores' then usage.cores + wanted.cores else usage.ram + wanted.ram end)
         returning m.project_id, wanted.cores, wanted.ram),
       -- It counts from here on.
       moved as (
         update quota_usages q set instances = q.instances + 1, cores = q.cores + taken.cores, ram = q.ram + taken.ram, updated_at = now()
         from taken where q.project_id = taken.project_id)`,
    },
  );
  return documents.get(uuid);
}

/** A server that its cell has soft-deleted, as of a note. */
export interface SoftDeletedServer {
  uuid: string;
  /** Of the note: when another was made since, the server may not be soft-deleted any more. */
  generation: number;
  /** When the reaper shall look; null leaves that as it is. ISO 8601. */
  due_at: string | null;
}

/**
 * Returns the quota that soft-deleted servers still hold, and moves the due times of their notes. Those of which something was begun since the note are left
 * alone; what was noted less than `silence` seconds ago may not have reached the cell when it was looked at, and is due when that is over.
 */
export async function returnQuotaOfSoftDeleted(api: Database, servers: readonly SoftDeletedServer[], silence: number): Promise<void> {
  await query(
    api,
    `with
     -- What the cell says, of which note.
     asked as (select * from jsonb_to_recordset(:servers::jsonb) as list (uuid uuid, generation int, due_at timestamptz)),
     -- The servers, of which nobody else changes what they hold meanwhile.
     found as (
       select m.* from instance_mappings m join asked on asked.uuid = m.instance_uuid where not m.queued_for_delete
       order by m.instance_uuid for update of m),
     -- Their notes, if these are still the last ones.
     noted as (
       select p.instance_uuid, p.cell_id, asked.due_at, p.noted_at + make_interval(secs => :silence) as quiet_at
       from pending_cleanups p join found using (instance_uuid, cell_id) join asked on asked.uuid = p.instance_uuid
       where p.generation = asked.generation order by p.instance_uuid for update of p),
     -- Those that hold something.
     holding as (
       select found.* from found join noted using (instance_uuid) where quiet_at <= now() and instances > 0),
     -- They hold nothing any more.
     released as (
       update instance_mappings m set instances = 0, cores = 0, ram = 0, updated_at = now() from holding where m.instance_uuid = holding.instance_uuid),
     -- What they held is returned.
     returned as (
       update quota_usages q
       set instances = q.instances - sums.instances, cores = q.cores - sums.cores, ram = q.ram - sums.ram, updated_at = now()
       from (${quotaOf('holding', 'array[0, 0]')}) sums
       where q.project_id = sums.project_id)
     update pending_cleanups p set due_at = case when quiet_at <= now() then coalesce(noted.due_at, p.due_at) else quiet_at end
     from noted where p.instance_uuid = noted.instance_uuid and p.cell_id = noted.cell_id`,
    { servers, silence },
  );
}
