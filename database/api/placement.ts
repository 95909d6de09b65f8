/**
 * Placement: what hosts have, what is claimed of it. A claim is one statement that takes room for all servers of a request or for none, so two boots
 * never take the same room.
 */
import { type Database, query } from '../data-api.ts';
import type { RequestSpec } from './build-requests.ts';

/** The resource classes a server takes, in Placement's names. */
export const resourceClasses = ['VCPU', 'MEMORY_MB', 'DISK_GB'] as const;
export type ResourceClass = (typeof resourceClasses)[number];

/** Amounts by class: VCPU in processors, MEMORY_MB in MiB, DISK_GB in GiB. */
export type Resources = Record<ResourceClass, number>;

/** Placement's trait of a host whose compute service is disabled. */
export const disabledTrait = 'COMPUTE_STATUS_DISABLED';

/** A host that may hold a server. */
export interface HostState {
  /** Id of its resource provider. */
  provider: number;
  host: string;
  /** uuid of its cell. */
  cell: string;
  free: Resources;
  total: Resources;
}

/** A server whose cell has it, with the host that holds its claim. */
export interface PlacedServer {
  server: string;
  /** uuid of its cell. */
  cell: string;
  host: string;
}

/** What the scheduler reads, in one call. */
export interface SchedulingState {
  /** Servers of the request that still wait for a host: their specs, by uuid. */
  specs: Record<string, RequestSpec>;
  /** Those of them that hold a claim, because an earlier run of the step made one. */
  claimed: string[];
  /** Servers that have their cell and host already. */
  placed: PlacedServer[];
  /** Hosts with room for one server of the request, those with most free memory first. */
  hosts: HostState[];
  /** All mapped hosts of enabled cells. */
  hostCount: number;
  /** The same without those whose service is disabled. */
  enabledCount: number;
  /** Of each resource, the most that one enabled host has free, and on how many of them it suffices. */
  most: Record<ResourceClass, { free: number; suffices: number }>;
}

/** Hosts of enabled cells; a host without a mapping is in no cell and cannot be picked. */
const mappedHosts = `
  select p.id as provider, p.name as host, c.uuid as cell, not '${disabledTrait}' = any (p.traits) as enabled
  from resource_providers p join host_mappings h on h.host = p.name join cell_mappings c on c.id = h.cell_id and not c.disabled`;

/**
 * Reads what an execution needs to place the servers of a request, which all ask for the same. Cells that one of them turned away from are left out.
 * @param limit how many hosts at most are worth a look.
 */
export async function findSchedulingState(
  api: Database,
  execution: string,
  servers: readonly string[],
  limit: number,
): Promise<SchedulingState> {
  const [row] = await query<{ state: SchedulingState }>(
    api,
    `with asked as (select jsonb_array_elements_text(:servers::jsonb)::uuid as uuid),
     waiting as (
       select uuid, spec from asked join build_requests b on b.instance_uuid = uuid and b.execution = :execution
       join request_specs s on s.instance_uuid = uuid),
     placed as (
       select distinct asked.uuid as server, c.uuid as cell, p.name as host
       from asked join instance_mappings m on m.instance_uuid = asked.uuid and not m.queued_for_delete
       join cell_mappings c on c.id = m.cell_id
       join allocations a on a.consumer_id = asked.uuid join resource_providers p on p.id = a.resource_provider_id),
     need as (
       select (spec->'flavor'->>'vcpus')::int as vcpus, (spec->'flavor'->>'memory_mb')::int as memory,
         (spec->'flavor'->>'root_gb')::int + (spec->'flavor'->>'ephemeral_gb')::int + ceil((spec->'flavor'->>'swap')::int / 1024.0)::int as disk
       from waiting limit 1),
     mapped as (${mappedHosts}
       where c.id not in (select cell_id from cell_work join asked on asked.uuid = instance_uuid)),
     hosts as (
       select provider, host, cell, m.free as memory_free, v.free as vcpu_free, d.free as disk_free,
         m.free + m.used as memory_total, v.free + v.used as vcpu_total, d.free + d.used as disk_total
       from need
       join inventories m on m.resource_class = 'MEMORY_MB' and m.free >= need.memory
       join mapped on mapped.provider = m.resource_provider_id and enabled
       join inventories v on v.resource_provider_id = provider and v.resource_class = 'VCPU' and v.free >= need.vcpus
       join inventories d on d.resource_provider_id = provider and d.resource_class = 'DISK_GB' and d.free >= need.disk
       order by m.free desc, provider limit :limit),
     most as (
       select resource_class, max(free) as free,
         count(*) filter (where free >= case resource_class when 'VCPU' then vcpus when 'MEMORY_MB' then memory else disk end) as suffices
       from need cross join mapped join inventories i on i.resource_provider_id = provider
       where enabled and not exists (select from hosts)
       group by resource_class)
     select jsonb_build_object(
       'specs', (select coalesce(jsonb_object_agg(uuid, spec), '{}') from waiting),
       'claimed', (select coalesce(jsonb_agg(distinct consumer_id), '[]') from allocations join waiting on consumer_id = uuid),
       'placed', (select coalesce(jsonb_agg(to_jsonb(placed)), '[]') from placed),
       'hosts', (
         select coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'host', host, 'cell', cell,
           'free', jsonb_build_object('VCPU', vcpu_free, 'MEMORY_MB', memory_free, 'DISK_GB', disk_free),
           'total', jsonb_build_object('VCPU', vcpu_total, 'MEMORY_MB', memory_total, 'DISK_GB', disk_total))), '[]') from hosts),
       'hostCount', (select count(*) from mapped),
       'enabledCount', (select count(*) from mapped where enabled),
       'most', (select coalesce(jsonb_object_agg(resource_class, jsonb_build_object('free', free, 'suffices', suffices)), '{}') from most)) as state`,
    { servers, execution, limit },
  );
  if (!row) throw new Error('a select without from gives one row');
  return row.state;
}

/** Room that a server takes on a host. */
export interface Claim {
  server: string;
  provider: number;
  resources: Resources;
}

/**
 * Claims room for servers: all of them or none. A server whose build request is gone, or is another execution's, claims nothing and hinders nobody.
 * Build requests, then inventories are locked in the order of their ids, so that claims and releases never deadlock.
 * @returns false when a host no longer has the room.
 */
export async function claim(api: Database, execution: string, claims: readonly Claim[]): Promise<boolean> {
  const [row] = await query<{ fits: boolean }>(
    api,
    `with asked as (
       select (value->>'server')::uuid as server, (value->>'provider')::int as provider, value->'resources' as resources
       from jsonb_array_elements(:claims::jsonb)),
     waiting as (
       select b.instance_uuid as server from build_requests b join asked on server = b.instance_uuid
       where b.execution = :execution order by b.id for update of b),
     wanted as (
       select server, provider, key as resource_class, amount::int as amount
       from asked join waiting using (server) cross join lateral jsonb_each_text(resources) as amounts (key, amount) where amount::int > 0),
     sums as (select provider, resource_class, sum(amount) as amount from wanted group by 1, 2),
     held as (
       select i.id, i.free >= sums.amount as fits, sums.amount
       from inventories i join sums on i.resource_provider_id = sums.provider and i.resource_class = sums.resource_class
       order by i.id for update of i),
     verdict as (select coalesce(bool_and(fits), true) and count(*) = (select count(*) from sums) as fits from held),
     taken as (
       update inventories i set used = used + held.amount, updated_at = now() from held, verdict where i.id = held.id and verdict.fits),
     claimed as (
       insert into allocations (consumer_id, resource_provider_id, resource_class, used)
       select server, provider, resource_class, amount from wanted, verdict where verdict.fits),
     marked as (
       update build_requests b set updated_at = now()
       from waiting, verdict where b.instance_uuid = waiting.server and verdict.fits)
     select fits from verdict`,
    { claims, execution },
  );
  return row?.fits ?? false;
}

/**
 * Moves the claim of a server from its host to the first of the alternates that has room, in one statement.
 * @returns the new host, also when an earlier call has moved it there; null when none has room; undefined when the claim is on neither.
 */
export async function moveClaim(
  api: Database,
  server: string,
  from: string,
  alternates: readonly string[],
): Promise<string | null | undefined> {
  const [row] = await query<{ known: boolean; host: string | null }>(
    api,
    `with held_now as (
       select a.id, a.resource_provider_id, a.resource_class, a.used, p.name from allocations a
       join resource_providers p on p.id = a.resource_provider_id
       where a.consumer_id = :server::uuid order by a.id for update of a),
     claimed as (select * from held_now where name = :from),
     alternates as (
       select p.id, p.name, position from jsonb_array_elements_text(:alternates::jsonb) with ordinality as list (name, position)
       join resource_providers p using (name) join host_mappings h on h.host = p.name join cell_mappings c on c.id = h.cell_id
       where not '${disabledTrait}' = any (p.traits) and not c.disabled),
     held as (
       select i.id, i.resource_provider_id, i.resource_class, i.free >= claimed.used as fits
       from inventories i join claimed using (resource_class)
       where i.resource_provider_id in (select id from alternates union select resource_provider_id from claimed)
       order by i.id for update of i),
     chosen as (
       select id, name from alternates a
       where (select bool_and(fits) and count(*) = (select count(*) from claimed) from held where resource_provider_id = a.id)
       order by position limit 1),
     freed as (
       update inventories i set used = i.used - claimed.used, updated_at = now() from claimed, chosen
       where i.resource_provider_id = claimed.resource_provider_id and i.resource_class = claimed.resource_class),
     taken as (
       update inventories i set used = i.used + claimed.used, updated_at = now() from claimed, chosen
       where i.resource_provider_id = chosen.id and i.resource_class = claimed.resource_class),
     moved as (
       update allocations a set resource_provider_id = chosen.id, updated_at = now() from claimed, chosen where a.id = claimed.id)
     select exists (select from held_now where name = :from or name in (select name from alternates)) as known,
       coalesce((select name from chosen), (select name from held_now where name in (select name from alternates) limit 1)) as host`,
    { server, from, alternates },
  );
  return row?.known ? row.host : undefined;
}
