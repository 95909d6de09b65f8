/** Hosts as the api database knows them: mapped to a cell, with a resource provider and inventories. */
import { type Database, query, queryDocuments } from '../../data-api/client.ts';
import { disabledTrait, type ResourceClass, type Resources } from './allocations.ts';
import { noteHosts } from './host-cleanups.ts';

/** A host to register; `uuid` is that of its compute node and so of its resource provider. */
export interface NewHost {
  uuid: string;
  host: string;
  total: Resources;
  /** What it can do; a simulated host when nothing is said. */
  capabilities?: Readonly<Record<string, unknown>>;
  /** Its service is disabled; counts only for a host that placement does not know yet. */
  disabled?: boolean;
}

/** What simulated hosts can do; supported_instances are [architecture, hypervisor type, vm mode]. */
export const simulatedCapabilities = {
  hypervisor_type: 'simulated',
  hypervisor_version: 1,
  cpu_info: { arch: 'x86_64' },
  supported_instances: [
    ['x86_64', 'simulated', 'hvm'],
    ['i686', 'simulated', 'hvm'],
  ],
};

/** How saving a host ended. */
export interface SavedHost {
  host: string;
  /** This call mapped it. */
  mapped: boolean;
  /** uuid of another cell that has a host of this name, which then stays as it is; null when there is none. */
  elsewhere: string | null;
}

/**
 * Maps hosts to a cell and notes in placement what they have. Hosts that are known keep their allocations, and whether their service is disabled. A
 * host of another cell stays as it is.
 */
export async function saveHosts(api: Database, cell: string, hosts: readonly NewHost[]): Promise<SavedHost[]> {
  return query<SavedHost>(
    api,
    `with hosts as (
       select (value->>'uuid')::uuid as uuid, value->>'host' as host, value->'total' as total,
         coalesce(value->'capabilities', :simulated::jsonb) as capabilities, coalesce((value->>'disabled')::boolean, false) as disabled
       from jsonb_array_elements(:hosts::jsonb)),
     mappings as (
       insert into host_mappings (cell_id, host) select c.id, host from hosts join cell_mappings c on c.uuid = :cell::uuid
       on conflict (host) do nothing
       returning host),
     elsewhere as (
       select h.host, c.uuid from hosts join host_mappings h using (host) join cell_mappings c on c.id = h.cell_id
       where c.uuid <> :cell::uuid),
     providers as (
       insert into resource_providers (uuid, name, capabilities, traits)
       select uuid, host, capabilities, case when disabled then array[:disabled] else '{}' end
       from hosts where host not in (select host from elsewhere)
       on conflict (name) do update set capabilities = excluded.capabilities, updated_at = now()
       returning id, name),
     stock as (
       insert into inventories (resource_provider_id, resource_class, total)
       select p.id, key, value::int from providers p join hosts on host = p.name cross join lateral jsonb_each_text(total)
       on conflict (resource_provider_id, resource_class) do update set total = excluded.total, updated_at = now())
     select hosts.host, mappings.host is not null as mapped, elsewhere.uuid as elsewhere
     from hosts left join mappings using (host) left join elsewhere using (host)`,
    { hosts, cell, simulated: simulatedCapabilities, disabled: disabledTrait },
  );
}

/** A zone that hosts are in. */
export interface AvailabilityZone {
  name: string;
  /** One of its hosts' services is enabled. */
  available: boolean;
}

/** Returns the zones that mapped hosts are in, by name. */
export async function listAvailabilityZones(api: Database): Promise<AvailabilityZone[]> {
  return query<AvailabilityZone>(
    api,
    `select zone as name, bool_or(not service_disabled) as available from host_states where cell_id is not null group by zone order by zone`,
  );
}

/** A mapped host. */
export interface MappedHost {
  host: string;
  /** Name of its cell. */
  cell: string;
  zone: string;
  /** Its service is enabled. */
  enabled: boolean;
  updatedAt: string;
}

/** Returns all mapped hosts by name. */
export async function listHosts(api: Database): Promise<MappedHost[]> {
  const cells = new Map<string, MappedHost[]>();
  for (let more = true; more; ) {
    const { documents, truncated } = await queryDocuments<MappedHost[]>(
      api,
      `select cell_id as key, jsonb_agg(jsonb_build_object('host', host, 'cell', c.name, 'zone', zone, 'enabled', not service_disabled,
         'updatedAt', coalesce(p.updated_at, p.created_at))) as doc
       from host_states join resource_providers p on p.id = resource_provider_id join cell_mappings c on c.id = cell_id
       where cell_id::text not in (select jsonb_array_elements_text(:known::jsonb))
       group by cell_id`,
      { known: [...cells.keys()] },
    );
    for (const [cell, hosts] of documents) cells.set(cell, hosts);
    more = truncated;
  }
  return [...cells.values()].flat().sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** A mapped host and what is claimed of it. */
export interface HostCapacity {
  host: string;
  /** Name of its cell. */
  cell: string;
  zone: string;
  /** Its service is enabled, and not forced down. */
  enabled: boolean;
  /** Its cell is enabled, too: the scheduler may pick it. */
  pickable: boolean;
  capacity: Record<ResourceClass, { total: number; used: number }>;
  /** How many servers have allocations on it. */
  servers: number;
}

/** Returns the mapped hosts of a cell, or of all cells, by name. */
export async function listHostCapacities(api: Database, cell: string | null): Promise<HostCapacity[]> {
  const hosts: HostCapacity[] = [];
  for (let more = true; more; ) {
    const { documents, truncated } = await queryDocuments<HostCapacity>(
      api,
      `select host as key, jsonb_build_object('host', host, 'cell', c.name, 'zone', zone, 'enabled', not service_disabled, 'pickable', pickable,
         'capacity', (select jsonb_object_agg(resource_class, jsonb_build_object('total', free + used, 'used', used))
           from inventories where resource_provider_id = h.resource_provider_id),
         'servers', (select count(*) from allocations where resource_provider_id = h.resource_provider_id and resource_class = 'VCPU')) as doc
       from host_states h join cell_mappings c on c.id = h.cell_id
       where (:cell::text is null or c.name = :cell::text) and host > :after`,
      { cell, after: hosts.at(-1)?.host ?? '' },
    );
    hosts.push(...documents.values());
    more = truncated;
  }
  return hosts;
}

/** Returns the highest number that follows the prefix in the name of a mapped host; 0 when there is none. */
export async function lastHostNumber(api: Database, prefix: string): Promise<number> {
  const [row] = await query<{ last: number }>(
    api,
    `select coalesce(max(number::int), 0) as last from (
       select substr(host, length(:prefix) + 1) as number from host_mappings where starts_with(host, :prefix)) numbered
     where number ~ '^[0-9]{1,9}$'`,
    { prefix },
  );
  return row?.last ?? 0;
}

/** Where a host is. */
export interface HostPlace {
  /** Name and URL of its cell. */
  cell: string;
  database_connection: string;
  /** Grows whenever the host is disabled. */
  generation: number;
  /** How many servers have allocations on it. */
  servers: number;
}

/** Finds a mapped host. */
export async function findHost(api: Database, host: string): Promise<HostPlace | undefined> {
  const [place] = await query<HostPlace>(
    api,
    `select c.name as cell, c.database_connection, p.generation,
       (select count(*) from allocations where resource_provider_id = p.id and resource_class = 'VCPU') as servers
     from host_mappings h join cell_mappings c on c.id = h.cell_id join resource_providers p on p.name = h.host where h.host = :host`,
    { host },
  );
  return place;
}

const disabling = `update resource_providers
     set traits = array_append(array_remove(traits, :trait), :trait), generation = generation + 1, updated_at = now()
     where name = :host and name in (select host from host_mappings)`;

/** Keeps the scheduler from picking a mapped host; an operator who is about to enable it as it was before finds it changed. */
export async function disableHost(api: Database, host: string): Promise<void> {
  await query(api, disabling, { host, trait: disabledTrait });
}

/** As disableHost, of a host that its cell knows to be down: what it has begun is left to the reaper, now. */
export async function disableDownHost(api: Database, host: string): Promise<void> {
  await query(api, `with disabled as (${disabling} returning id), noted as (${noteHosts('select id from disabled')}) select 1`, {
    host,
    trait: disabledTrait,
  });
}

/**
 * Lets the scheduler pick a mapped host.
 * @param generation of the host as it was found.
 * @returns false when it was disabled since; nothing has changed then.
 */
export async function enableHost(api: Database, host: string, generation: number): Promise<boolean> {
  const rows = await query(api, `${enabling} returning id`, { host, generation, trait: disabledTrait });
  return rows.length > 0;
}

const enabling = `update resource_providers set traits = array_remove(traits, :trait), updated_at = now()
     where name = :host and generation = :generation and name in (select host from host_mappings)`;

/**
 * Leaves what a host that is up again may still run of servers that have left it to the reaper, now; and lets the scheduler pick it, unless it stays disabled.
 * @param generation of the host as it was found.
 * @returns false when it was disabled or forced down since; it is picked no more then.
 */
export async function bringUpHost(api: Database, host: string, generation: number, disabled: boolean): Promise<boolean> {
  const [row] = await query<{ enabled: boolean }>(
    api,
    `with
     enabled as (${enabling} and not :disabled returning id),
     noted as (${noteHosts('select id from resource_providers where name = :host')})
     select exists (select from enabled) as enabled`,
    { host, generation, disabled, trait: disabledTrait },
  );
  return disabled || row?.enabled === true;
}
