/** Taking servers that a cell has into the index: everything that the api database holds of a server follows from its row in the cell. */
import { type Database, query } from '../../data-api/client.ts';
import type { Resources } from '../hosts/allocations.ts';
import type { RequestSpec } from '../servers/request-spec.ts';
import { notePending } from './pending-cleanups.ts';

/** Returns those of a cell's servers that the index does not have, and that are no remains which the reaper is about to remove. */
export async function listUnmapped(api: Database, cell: string, servers: readonly string[]): Promise<string[]> {
  const rows = await query<{ uuid: string }>(
    api,
    `select uuid from (select jsonb_array_elements_text(:servers::jsonb)::uuid as uuid) asked
     where not exists (select from instance_mappings where instance_uuid = uuid)
       and not exists (select from pending_cleanups w join cell_mappings c on c.id = w.cell_id where w.instance_uuid = asked.uuid and c.uuid = :cell::uuid)`,
    { servers, cell },
  );
  return rows.map(({ uuid }) => uuid);
}

/** A server as its cell knows it. */
export interface AdoptedServer {
  uuid: string;
  project_id: string;
  user_id: string;
  created_at: string;
  /** null while it lives. */
  deleted_at: string | null;
  /** Its build is not at its end: it is noted for the reaper. */
  building: boolean;
  host: string | null;
  spec: RequestSpec;
  resources: Resources;
}

/**
 * Takes servers of a cell into the index: the mapping of each, and for a living one its request spec, its share of the quota and its claim on its host,
 * however full that is: the server is there. One that the index has stays as it is.
 * @returns how many it took.
 */
export async function adoptServers(api: Database, cell: string, servers: readonly AdoptedServer[]): Promise<number> {
  const [row] = await query<{ count: number }>(
    api,
    `with
     -- The servers as their cell has them.
     asked as (
       select (value->>'uuid')::uuid as uuid, value->>'project_id' as project_id, value->>'user_id' as user_id, value->>'host' as host,
         (value->>'created_at')::timestamptz as created_at, (value->>'deleted_at')::timestamptz as deleted_at, (value->>'building')::boolean as building,
         value->'spec' as spec, value->'resources' as resources
       from jsonb_array_elements(:servers::jsonb)),
     -- Their cell.
     cell as (select id from cell_mappings where uuid = :cell::uuid),
     -- Those that the index did not have; all else follows from these rows, so nothing is counted twice.
     mapped as (
       insert into instance_mappings (instance_uuid, cell_id, project_id, user_id, queued_for_delete, created_at, updated_at, cores, ram)
       select asked.uuid, cell.id, project_id, user_id, deleted_at is not null, created_at, deleted_at,
         (spec->'flavor'->>'vcpus')::int, (spec->'flavor'->>'memory_mb')::int
       from asked cross join cell order by created_at
       on conflict (instance_uuid) do nothing
       returning instance_uuid),
     -- The living ones among them.
     living as (select asked.* from asked join mapped on instance_uuid = uuid where deleted_at is null),
     -- What they would have asked for.
     specs as (insert into request_specs (instance_uuid, spec) select uuid, spec from living on conflict (instance_uuid) do nothing),
     -- A build that is not at its end, for the reaper.
     work as (${notePending('select uuid, cell.id, 0 from living cross join cell where building')}),
     -- Their share of the quota.
     used as (
       insert into quota_usages (project_id, instances, cores, ram)
       select project_id, count(*)::int, sum((spec->'flavor'->>'vcpus')::bigint)::bigint, sum((spec->'flavor'->>'memory_mb')::bigint)::bigint
       from living group by project_id order by project_id
       on conflict (project_id) do update set instances = quota_usages.instances + excluded.instances, cores = quota_usages.cores + excluded.cores,
         ram = quota_usages.ram + excluded.ram, updated_at = now()),
     -- What they take on their hosts.
     wanted as (
       select living.uuid, p.id as provider, key as resource_class, amount::bigint as amount
       from living join resource_providers p on p.name = living.host cross join lateral jsonb_each_text(resources) as amounts (key, amount)
       where amount::bigint > 0 or key = 'VCPU'),
     -- The inventories concerned, under lock in the order of their ids.
     held as (
       select i.id from inventories i where (i.resource_provider_id, i.resource_class) in (select provider, resource_class from wanted)
       order by i.id for update),
     -- Their claims,
     claimed as (
       insert into allocations (consumer_id, resource_provider_id, resource_class, used)
       select uuid, provider, resource_class, amount from wanted where (select count(*) from held) >= 0
       on conflict (consumer_id, resource_class) do nothing
       returning resource_provider_id, resource_class, used),
     -- and the capacity that these take.
     taken as (
       update inventories i set used = i.used + sums.used, updated_at = now()
       from (select resource_provider_id, resource_class, sum(used) as used from claimed group by 1, 2) sums
       where i.resource_provider_id = sums.resource_provider_id and i.resource_class = sums.resource_class)
     select count(*)::int as count from mapped`,
    { cell, servers },
  );
  return row?.count ?? 0;
}
