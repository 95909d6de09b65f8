/**
 * What a server that moves has on two hosts. The first statement of a move claims the new one and leaves what it had to the migration; the last one settles
 * which of both the server keeps. Each is done once, by the row of the migration, however often it is sent.
 */
import { type Database, query } from '../../data-api/client.ts';
import type { InstanceFlavor } from '../../servers/document.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import type { Resources } from '../hosts/allocations.ts';
import type { QuotaResource } from '../quotas.ts';
import type { Group } from '../scheduler/scheduling-state.ts';

/** A host for a server that moves. */
export interface MoveClaim {
  /** uuid of the migration. */
  migration: string;
  /** Id of the resource provider. */
  provider: number;
  resources: Resources;
  /** The flavor that the server has there. */
  flavor: Pick<InstanceFlavor, 'vcpus' | 'memory_mb'>;
  defaultLimits: Readonly<Pick<Record<QuotaResource, number>, 'cores' | 'ram'>>;
}

/** What a claim came to. */
export interface ClaimedMove {
  /** The host that the server has claimed, by this call or an earlier one; null when it has none. */
  host: string | null;
  /** Whether the quota of its project does not allow the flavor. */
  overQuota: boolean;
}

/**
 * Claims a host for a server that moves: the claim it has now becomes that of its migration, and the larger of both flavors counts against the quota until the
 * move is settled. All of it or nothing; nothing where the server is deleted, has another owner, or was seen to by a
 * reaper in the meantime, which ended the move.
 * @param group the server's group as it was when the host was picked, if its policy binds.
 */
export async function claimMove(api: Database, server: FencedServer, move: MoveClaim, group: Group | null): Promise<ClaimedMove> {
  const [row] = await query<ClaimedMove>(
    api,
    `with
     -- The server, if it has this owner still, and a reaper looks after it.
     owned as (
       select m.instance_uuid, m.cell_id, m.project_id, coalesce(m.cores, (s.spec->'flavor'->>'vcpus')::int) as cores,
         coalesce(m.ram, (s.spec->'flavor'->>'memory_mb')::int) as ram
       from instance_mappings m join request_specs s using (instance_uuid) join pending_cleanups p on p.instance_uuid = m.instance_uuid and p.cell_id = m.cell_id
       where m.instance_uuid = :server::uuid and m.fencing_token = :fencing_token and not m.queued_for_delete for update of m, p),
     -- By how much its use of the quota grows,
     growth as (select greatest(:vcpus::int - cores, 0) as cores, greatest(:memory_mb::int - ram, 0) as ram from owned),
     -- of what its project uses.
     usage as (select q.project_id, q.cores, q.ram from quota_usages q join owned using (project_id) for update of q),
     -- What the project may use.
     limits as (
       select key as resource, quota_limit(usage.project_id, key, value::int) as value from usage cross join jsonb_each_text(:default_limits::jsonb)),
     -- Whether that is within the limits.
     quota as (
       select bool_and(value < 0 or case resource when 'cores' then growth.cores = 0 or usage.cores + growth.cores <= value
         else growth.ram = 0 or usage.ram + growth.ram <= value end) as allows
       from limits, usage, growth),
     -- Its allocations now.
     source as (select a.id from allocations a join owned on a.consumer_id = owned.instance_uuid order by a.id for update of a),
     -- What it needs of the host; the row of VCPU says where it is, also when it takes none.
     wanted as (
       select key as resource_class, amount::bigint as amount from jsonb_each_text(:resources::jsonb) as amounts (key, amount)
       where amount::bigint > 0 or key = 'VCPU'),
     -- The inventories of the host, if it may be picked.
     held as (
       select i.id, i.free >= wanted.amount as fits
       from inventories i join wanted using (resource_class) join host_states h on h.resource_provider_id = i.resource_provider_id and h.pickable
       where i.resource_provider_id = :provider::int and (select count(*) from source) >= 0 order by i.id for update of i),
     -- Whether all of that is there.
     capacity as (
       select quota.allows and coalesce((select bool_and(fits) from held), true) and (select count(*) from held) = (select count(*) from wanted) as fits
       from quota),
     -- The group as it was when the host was picked; a claim for another member now comes too late.
     alone as (
       update instance_groups g set generation = generation + 1, updated_at = now()
       from capacity where capacity.fits and g.id = :group::int and g.generation = :generation::int
         and not exists (select from migration_consumers where migration_uuid = :migration::uuid)
       returning g.id),
     -- All or nothing, and once.
     consumer as (
       insert into migration_consumers (migration_uuid, instance_uuid, cores, ram)
       select :migration::uuid, instance_uuid, growth.cores, growth.ram from owned, growth, capacity
       where capacity.fits and (:group::int is null or exists (select from alone))
       on conflict do nothing
       returning instance_uuid),
     -- The reaper looks once more.
     noted as (
       update pending_cleanups p set generation = p.generation + 1, noted_at = now() from owned, consumer
       where p.instance_uuid = owned.instance_uuid and p.cell_id = owned.cell_id),
     -- It counts against the quota.
     counted as (
       update quota_usages q set cores = q.cores + growth.cores, ram = q.ram + growth.ram, updated_at = now()
       from usage, growth, consumer where q.project_id = usage.project_id),
     -- What the server had is the migration's,
     left_behind as (
       update allocations a set consumer_id = :migration::uuid, updated_at = now() from source, consumer where a.id = source.id returning a.id),
     -- and it gets the new host.
     claimed as (
       insert into allocations (consumer_id, resource_provider_id, resource_class, used)
       select instance_uuid, :provider::int, resource_class, amount from consumer, wanted where (select count(*) from left_behind) >= 0
       returning resource_provider_id, resource_class, used),
     -- The capacity that this takes.
     taken as (
       update inventories i set used = i.used + claimed.used, updated_at = now() from claimed
       where i.resource_provider_id = claimed.resource_provider_id and i.resource_class = claimed.resource_class)
     select coalesce((select host from host_states, consumer where resource_provider_id = :provider::int), (
         select h.host from owned join migration_consumers c using (instance_uuid)
         join allocations a on a.consumer_id = owned.instance_uuid join host_states h using (resource_provider_id)
         where c.migration_uuid = :migration::uuid limit 1)) as host,
       coalesce((select not allows from quota), false) as "overQuota"`,
    {
      ...{ server: server.uuid, fencing_token: server.fencing_token, migration: move.migration },
      ...{ provider: move.provider, resources: move.resources, vcpus: move.flavor.vcpus, memory_mb: move.flavor.memory_mb },
      ...{ default_limits: move.defaultLimits, group: group?.id ?? null, generation: group?.generation ?? null },
    },
  );
  if (!row) throw new Error('a select without from returns one row');
  return row;
}

/** A flavor that a server keeps, and what its extra specs ask of a host instead of what the flavor has. */
export interface KeptFlavor {
  flavor: InstanceFlavor;
  resources: Partial<Resources>;
}

/**
 * Settles a move that has ended: one of its two allocations is freed, the other is the server's, and the quota goes by the flavor that it has. A second time
 * nothing happens, nor when the move never claimed.
 * @param migration uuid of the migration.
 * @param kept the flavor with which the server keeps the host that it claimed; null when it gets back what it had.
 */
export async function settleMove(api: Database, server: string, migration: string, kept: KeptFlavor | null): Promise<void> {
  await query(
    api,
    `with
     -- The server,
     mapping as (
       select m.instance_uuid, m.project_id, m.queued_for_delete, coalesce(m.cores, (s.spec->'flavor'->>'vcpus')::int) as cores,
         coalesce(m.ram, (s.spec->'flavor'->>'memory_mb')::int) as ram
       from instance_mappings m left join request_specs s using (instance_uuid) where m.instance_uuid = :server::uuid for update of m),
     -- and its move, once.
     settled as (
       delete from migration_consumers c using mapping where c.migration_uuid = :migration::uuid and c.instance_uuid = mapping.instance_uuid
       returning c.cores, c.ram),
     -- What it holds of the quota from now on.
     holds as (
       select mapping.*, case when :kept then :vcpus::int else mapping.cores end as cores_now, case when :kept then :memory_mb::int else mapping.ram end as ram_now
       from mapping, settled where not queued_for_delete),
     -- It is noted,
     held_by_server as (
       update instance_mappings m set cores = cores_now, ram = ram_now, updated_at = now() from holds where m.instance_uuid = holds.instance_uuid),
     -- and the rest is returned.
     returned as (
       update quota_usages q set cores = q.cores - settled.cores + cores_now - holds.cores, ram = q.ram - settled.ram + ram_now - holds.ram, updated_at = now()
       from settled, holds where q.project_id = holds.project_id),
     -- What the scheduler must know of it.
     spec as (
       update request_specs s set spec = s.spec || :changes::jsonb, updated_at = now() from holds
       where :kept and s.instance_uuid = holds.instance_uuid),
     -- The allocations that it does not keep.
     over as (
       select a.id, a.resource_provider_id, a.resource_class from allocations a, settled
       where a.consumer_id = case when :kept then :migration::uuid else :server::uuid end order by a.id for update of a),
     -- Their inventories, under lock in the order of their ids.
     held as (
       select i.id from inventories i join over using (resource_provider_id, resource_class) order by i.id for update of i),
     -- They end,
     freed as (
       delete from allocations where id in (select id from over) and (select count(*) from held) >= 0
       returning resource_provider_id, resource_class, used),
     -- with the capacity that they took.
     capacity_freed as (
       update inventories i set used = i.used - freed.used, updated_at = now() from freed
       where i.resource_provider_id = freed.resource_provider_id and i.resource_class = freed.resource_class),
     -- Those that it has again.
     got_back as (
       update allocations a set consumer_id = :server::uuid, updated_at = now() from settled
       where not :kept and a.consumer_id = :migration::uuid and (select count(*) from freed) >= 0)
     select count(*) from settled`,
    {
      ...{ server, migration, kept: kept !== null, vcpus: kept?.flavor.vcpus ?? null, memory_mb: kept?.flavor.memory_mb ?? null },
      changes: kept,
    },
  );
}
