/**
 * What an audit compares within the api database: sums with what they count, and what follows from other rows. Each is compared by one statement, so
 * that all of it is of one moment.
 */
import { type Database, query } from '../../data-api/client.ts';
import { disabledTrait } from '../hosts/allocations.ts';
import { quotaOf } from '../servers/release.ts';

/** Rows that one answer of the Data API holds in any case. */
const mostRows = 1_000;

/** Reads pages by a key that grows, until one is empty. */
async function readAll<Row, Key>(page: (after: Key) => Promise<Row[]>, first: Key, keyOf: (row: Row) => Key): Promise<Row[]> {
  const all: Row[] = [];
  for (let after = first; ; ) {
    const rows = await page(after);
    const last = rows.at(-1);
    if (last === undefined) return all;
    all.push(...rows);
    after = keyOf(last);
  }
}

/** A host's resource whose figures contradict each other. `used` and `capacity` are null when the host has no inventory of it. */
export interface CapacityFault {
  provider: number;
  host: string;
  resource: string;
  used: number | null;
  capacity: number | null;
  /** The sum of the allocations. */
  allocated: number;
}

/** Returns the resources whose use is not the sum of the allocations, or more than there is. */
export async function listCapacityFaults(api: Database): Promise<CapacityFault[]> {
  const page = (after: number) =>
    query<CapacityFault>(
      api,
      `with sums as (
         select resource_provider_id, resource_class, sum(used)::bigint as allocated from allocations
         where resource_provider_id > :after group by 1, 2),
       faulty as (
         select resource_provider_id as provider, resource_class as resource, i.used, i.free + i.used as capacity, coalesce(allocated, 0) as allocated
         from (select * from inventories where resource_provider_id > :after) i full join sums using (resource_provider_id, resource_class)
         where i.used is distinct from coalesce(allocated, 0) or greatest(i.used, allocated) > i.free + i.used),
       first as (select * from faulty where provider in (select distinct provider from faulty order by 1 limit ${mostRows / 10}))
       select provider, p.name as host, resource, used, capacity, allocated from first join resource_providers p on p.id = provider
       order by provider, resource`,
      { after },
    );
  return readAll(page, 0, ({ provider }) => provider);
}

/** What a project uses of its quota by its usage row, and what its servers add up to. */
export interface QuotaFault {
  project: string;
  used: { instances: number; cores: number; ram: number } | null;
  counted: { instances: number; cores: number; ram: number };
}

/**
 * Returns the projects whose quota use is not what their servers hold. Where one neither says what it holds nor has a request spec, only the number of servers
 * is compared.
 */
export async function listQuotaFaults(api: Database): Promise<QuotaFault[]> {
  const page = (after: string) =>
    query<QuotaFault>(
      api,
      `with living as (${quotaOf(
        '(select * from instance_mappings where not queued_for_delete and project_id > :after)',
        '(select array[coalesce(sum(c.cores), 0), coalesce(sum(c.ram), 0)] from migration_consumers c where c.instance_uuid = m.instance_uuid)',
      )}),
       compared as (
         select project_id as project,
           case when u.project_id is not null then jsonb_build_object('instances', u.instances, 'cores', u.cores, 'ram', u.ram) end as used,
           jsonb_build_object('instances', coalesce(l.instances, 0), 'cores', coalesce(l.cores, 0), 'ram', coalesce(l.ram, 0)) as counted,
           coalesce(known, true) as known
         from (select * from quota_usages where project_id > :after) u full join living l using (project_id))
       select project, used, counted from compared
       where coalesce(used, '{"instances": 0, "cores": 0, "ram": 0}') <> counted
         and (known or (used->'instances') is distinct from (counted->'instances'))
       order by project limit ${mostRows}`,
      { after },
    );
  return readAll(page, '', ({ project }) => project);
}

/** A host whose row for the scheduler is not what placement and the cell mappings say. */
export interface HostStateFault {
  host: string;
}

/** Returns the hosts whose row for the scheduler is wrong: their free capacity, their cell, or whether they may be picked. */
export async function listHostStateFaults(api: Database): Promise<HostStateFault[]> {
  const page = (after: string) =>
    query<HostStateFault>(
      api,
      `select p.name as host
       from resource_providers p
       left join host_states s on s.resource_provider_id = p.id
       left join host_mappings h on h.host = p.name left join cell_mappings c on c.id = h.cell_id
       left join lateral (
         select max(free) filter (where resource_class = 'VCPU') as vcpu, max(free) filter (where resource_class = 'MEMORY_MB') as memory_mb,
           max(free) filter (where resource_class = 'DISK_GB') as disk_gb
         from inventories where resource_provider_id = p.id) i on true
       where p.name > :after and (s.host, s.cell_id, s.cell_disabled, s.service_disabled, s.vcpu, s.memory_mb, s.disk_gb) is distinct from
         (p.name, c.id, coalesce(c.disabled, false), '${disabledTrait}' = any (p.traits),
          coalesce(i.vcpu, 0), coalesce(i.memory_mb, 0), coalesce(i.disk_gb, 0))
       order by p.name limit ${mostRows}`,
      { after },
    );
  return readAll(page, '', ({ host }) => host);
}

/** A member of a server group that is not a living server. */
export interface GroupFault {
  id: number;
  group: string;
  server: string;
}

/** Returns the members of server groups that are not living servers. */
export async function listGroupFaults(api: Database): Promise<GroupFault[]> {
  const page = (after: number) =>
    query<GroupFault>(
      api,
      `select member.id, g.uuid as group, member.instance_uuid as server
       from instance_group_member member join instance_groups g on g.id = member.group_id
       left join instance_mappings m on m.instance_uuid = member.instance_uuid
       where member.id > :after and coalesce(m.queued_for_delete, true) order by member.id limit ${mostRows}`,
      { after },
    );
  return readAll(page, 0, ({ id }) => id);
}
