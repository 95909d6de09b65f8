/**
 * The SQL that the scheduler reads with. The search comes first and stops early; the reasons are read from all hosts, only when the search has failed.
 * A host is `h`, a row of host_states.
 */
import { disabledTrait, failuresLast, type ResourceClass, resourceClasses } from '../hosts/allocations.ts';

/** How long a host counts as starting a server. */
const startLasts = '1 minute';
/** Of a step that rejected more hosts than this, no names are listed. */
const mostNames = 10;

const columns: Readonly<Record<ResourceClass, string>> = { VCPU: 'vcpu', MEMORY_MB: 'memory_mb', DISK_GB: 'disk_gb' };

const columnList = resourceClasses.map((resource) => columns[resource]);

const each = (text: (column: string, resource: ResourceClass) => string, separator: string) =>
  resourceClasses.map((resource) => text(columns[resource], resource)).join(separator);

/** An object of the three amounts. */
const amounts = (text: (column: string) => string) =>
  `jsonb_build_object(${each((column, resource) => `'${resource}', ${text(column)}`, ', ')})`;

/** Who looks for hosts: what differs between a boot and a move. */
interface Seeking {
  /** CTEs of the servers, of those that wait for a host with what they ask for, of cells and hosts that are left out, and of who has a host already. */
  servers: string;
  /** SQL of providers that are left out. */
  ignored: string;
  /** SQL that is true for members of the group that count. */
  fellows: string;
  /** The step that leaves the cells out. */
  cellsStep: string;
}

/** The servers of a boot. */
const booting: Seeking = {
  ignored: 'array[]::int[]',
  fellows: 'true',
  cellsStep: 'CellUnreachable',
  servers: `
  -- The servers of the request.
  asked as (select jsonb_array_elements_text(:servers::jsonb)::uuid as uuid),
  -- Those that have no cell yet, if this execution still owns them, with what they ask for.
  waiting as (
    select uuid, s.spec, b.former is not null as former from asked join build_requests b on b.instance_uuid = uuid and b.execution = :execution
    join request_specs s on s.instance_uuid = uuid),
  -- Cells that one of them released as its target.
  turned_from as (select distinct cell_id from pending_cleanups join waiting on instance_uuid = uuid),
  -- Those that hold a claim of an earlier run, with its host, and whether that will still do.
  claimed as (
    select waiting.uuid as server, h.resource_provider_id as provider, h.host, h.zone, c.uuid as cell,
      h.pickable and h.cell_id not in (select cell_id from turned_from) as usable
    from waiting join allocations a on a.consumer_id = waiting.uuid and a.resource_class = 'VCPU'
    join host_states h using (resource_provider_id) left join cell_mappings c on c.id = h.cell_id),
  -- Those that have their cell and host.
  placed as (
    select asked.uuid as server, c.uuid as cell, h.host, h.zone
    from asked join instance_mappings m on m.instance_uuid = asked.uuid and not m.queued_for_delete
    join cell_mappings c on c.id = m.cell_id
    join allocations a on a.consumer_id = asked.uuid and a.resource_class = 'VCPU' join host_states h using (resource_provider_id))`,
};

/** A server that leaves its host for another of its cell, if it still has this owner. */
const moving: Seeking = {
  ignored: 'array(select resource_provider_id from host_states where host in (select jsonb_array_elements_text(:ignored_hosts::jsonb)))',
  fellows: 'm.instance_uuid <> :server::uuid',
  cellsStep: 'OtherCell',
  servers: `
  -- The server, with what it asks for now; the host that its boot named counts no more.
  waiting as (
    select m.instance_uuid as uuid, (s.spec - 'forced_host' - 'requested_host') || :changes::jsonb as spec, false as former
    from instance_mappings m join request_specs s using (instance_uuid)
    where m.instance_uuid = :server::uuid and m.fencing_token = :fencing_token and not m.queued_for_delete
      and not exists (select from migration_consumers where migration_uuid = :migration::uuid)),
  -- All cells but its own.
  turned_from as (
    select c.id as cell_id from cell_mappings c where c.id <> (select cell_id from instance_mappings where instance_uuid = :server::uuid)),
  -- It holds no claim that could be taken back.
  claimed as (select uuid as server, 0 as provider, '' as host, '' as zone, null::uuid as cell, true as usable from waiting where false),
  -- The host that an earlier run has claimed.
  placed as (
    select c.instance_uuid as server, null::uuid as cell, h.host, h.zone
    from migration_consumers c join allocations a on a.consumer_id = c.instance_uuid join host_states h using (resource_provider_id)
    where c.migration_uuid = :migration::uuid limit 1)`,
};

/** What is asked for. Amounts are what one host must have: under affinity it holds all servers. */
const request = ({ servers, ignored, fellows }: Seeking) => `
  ${servers},
  -- What they all ask for.
  spec as (select spec from waiting limit 1),
  -- The group they are in.
  team as (
    select g.id, g.name, g.generation, p.policy, coalesce((p.rules->>'max_server_per_host')::int, 1) as most
    from spec join instance_groups g on g.uuid = (spec->>'group')::uuid join instance_group_policy p on p.group_id = g.id),
  -- How many of its members each host has.
  members as (
    select a.resource_provider_id as provider, count(*)::int as servers
    from team join instance_group_member m on m.group_id = team.id and ${fellows}
    join allocations a on a.consumer_id = m.instance_uuid and a.resource_class = 'VCPU' group by 1),
  -- How many servers need a host.
  seekers as (select count(*) as servers from waiting where uuid not in (select server from claimed)),
  -- What one server asks for.
  one as (
    select coalesce(spec->'resources'->>'VCPU', spec->'flavor'->>'vcpus')::bigint as vcpu,
      coalesce(spec->'resources'->>'MEMORY_MB', spec->'flavor'->>'memory_mb')::bigint as memory_mb,
      coalesce((spec->'resources'->>'DISK_GB')::bigint, (spec->'flavor'->>'root_gb')::bigint + (spec->'flavor'->>'ephemeral_gb')::bigint
        + ceil((spec->'flavor'->>'swap')::bigint / 1024.0)::bigint) as disk_gb,
      coalesce(spec->'forced_host', spec->'requested_host') as named,
      case when spec->'forced_host' is null then spec->>'availability_zone' end as zone,
      (select policy from team) as policy
    from spec),
  -- What one host must have, and which one may be named; under affinity it takes all of them.
  need as (
    select ${each((column) => `${column} * times as ${column}`, ', ')}, zone, policy,
      -- A host has one node, of its own name: two names that differ are no host's.
      case when named->>'host' <> named->>'node' then '' else coalesce(named->>'host', named->>'node') end as host,
      policy = 'affinity' and exists (select from members) as with_members
    from one cross join (
      select case when (select policy from team) = 'affinity' then greatest(servers, 1) else 1 end as times from seekers) t),
  -- The availability zones to search.
  zones as (
    select zone from need where zone is not null
    union select value from aggregate_metadata join need on zone is null where key = 'availability_zone'
    union select 'nova' from need where zone is null),
  -- Hosts that failed builds lately.
  failing as (select resource_provider_id as provider, builds from build_failures where last_at > now() - interval '${failuresLast}'),
  -- Cells, kinds of hosts, hosts full of the group, and others that the search leaves out.
  without as (
    select array(select cell_id from turned_from) as cells, array(select jsonb_array_elements_text(:rejected::jsonb)) as host_classes,
      array(select provider from members, team where policy = 'anti-affinity' and servers >= most) as hosts, ${ignored} as ignored)`;

/** Hosts of a short list that the request may have. */
const fromList = (list: string, on: string, when: string) => `
  select h.*, false from need cross join without cross join ${list} join host_states h on ${on}
  where ${when} and h.pickable and (need.zone is null or h.zone = need.zone) and ${each((column) => `h.${column} >= need.${column}`, ' and ')}
    and h.cell_id <> all (without.cells) and h.kind <> all (without.host_classes) and h.resource_provider_id <> all (without.hosts || without.ignored)`;

/** Hosts that can hold at least one server, and whether all of them together hold too few. */
const search = `
  -- Hosts with the capacity, a page of each zone, and those that are worth a look beside it.
  found as (
    select h.*, true as on_page from need cross join without cross join zones cross join lateral hosts_with_room(
      zones.zone, ${each((column) => `need.${column}`, ', ')}, without.cells, without.host_classes,
      without.hosts || without.ignored || array(select provider from failing), :limit::int) h
    where need.host is null and not need.with_members
    union all ${fromList('failing', 'h.resource_provider_id = failing.provider', 'need.host is null and not need.with_members')}
    union all ${fromList('members', 'h.resource_provider_id = members.provider', `need.host is null and need.policy in ('affinity', 'soft-affinity')`)}
    union all ${fromList('(select) named', 'h.host = need.host', '(not need.with_members or h.resource_provider_id in (select provider from members))')}),
  -- Each of them once.
  candidates as (select distinct on (resource_provider_id) * from found order by resource_provider_id),
  -- Whether a zone may have more.
  page as (select exists (select from found where on_page group by zone having count(*) >= :limit::int) as more),
  -- Whether the search has failed, or the reasons are asked for anyhow.
  outcome as (
    select seekers.servers > 0 and not page.more and seekers.servers > (
        select coalesce(sum(case when one.policy = 'affinity' then seekers.servers else least(
          ${each((column) => `c.${column} / nullif(one.${column}, 0)`, ', ')},
          case when one.policy = 'anti-affinity' then (select most from team) - coalesce(m.servers, 0) end) end), 0)
        from candidates c cross join one left join members m on m.provider = c.resource_provider_id)
      or :reasons::boolean as fails
    from seekers, page)`;

const fits = (amount: string) => each((column) => `h.${column} >= ${amount}.${column}`, ' and ');

/** Every host with the first step that rejects it, and how much it lacks. Capacity comes last but for host classes, so that only usable hosts count as near. */
const reasons = ({ cellsStep }: Seeking) => `
  -- Every host, if the search has failed.
  verdicts as materialized (
    select h.host, ${columnList.map((column) => `h.${column}`).join(', ')}, verdict.step, case when verdict.step = 'HostClass' then h.kind end as host_class,
      ${each((column) => `h.${column} >= need.${column} as enough_${column}`, ', ')},
      ${fits('one')} and not h.service_disabled and (need.host is null or h.host = need.host)
        and (need.zone is null or h.zone = need.zone) as candidate,
      case when verdict.step = 'Placement' then
        ${each((column) => `greatest(need.${column} - h.${column}, 0)::float8 / greatest(need.${column}, 1)`, ' + ')} end as lack
    from outcome join need on outcome.fails cross join one cross join without cross join host_states h cross join lateral (
      select case
        when need.host is not null and h.host <> need.host then 'RequestedHost'
        when h.cell_id is null then 'HostMapping'
        when h.cell_disabled then 'CellDisabled'
        when h.cell_id = any (without.cells) then '${cellsStep}'
        when h.resource_provider_id = any (without.ignored) then 'IgnoredHost'
        when h.service_disabled then 'ComputeFilter'
        when need.zone is not null and h.zone <> need.zone then 'AvailabilityZone'
        when h.resource_provider_id = any (without.hosts) then 'ServerGroupAntiAffinityFilter'
        when need.with_members and h.resource_provider_id not in (select provider from members) then 'ServerGroupAffinityFilter'
        when not (${fits('need')}) then 'Placement'
        when h.kind = any (without.host_classes) then 'HostClass'
        else 'none'
      end as step) verdict),
  -- How many hosts each step rejected.
  tallies as (
    select step, host_class, count(*) as hosts, count(*) filter (where candidate) as candidates,
      ${each((column) => `count(*) filter (where enough_${column}) as ${column}`, ', ')},
      case when count(*) <= ${mostNames} then to_jsonb(array_agg(host)) end as names
    from verdicts group by step, host_class),
  -- What Placement was asked about.
  reached as (select * from tallies where step in ('Placement', 'HostClass', 'none')),
  -- The host that lacks least.
  nearest as (select * from verdicts where lack is not null order by lack, host limit 1)`;

/** The CTEs that `documents` reads: for the servers of a boot, and for a server that moves. */
export const bootState = [request(booting), search, reasons(booting)].join(',');
export const moveState = [request(moving), search, reasons(moving)].join(',');

/** The answer in parts: the state, the hosts, the reasons if the search has failed, and the classes of the hosts. */
export const documents = `
  select 'state' as key, jsonb_build_object(
    'spec', (select spec from spec),
    'waiting', (select coalesce(jsonb_agg(uuid), '[]') from waiting),
    'claimed', (select coalesce(jsonb_agg(to_jsonb(claimed)), '[]') from claimed),
    'placed', (select coalesce(jsonb_agg(to_jsonb(placed)), '[]') from placed),
    'group', (select jsonb_build_object('id', id, 'name', name, 'policy', policy, 'mostPerHost', most, 'generation', generation,
      'placed', (select coalesce(sum(servers), 0) from members)) from team),
    'goneImage', (
      select spec->'image'->>'id' from waiting where former and not exists (
        select from images where id = (spec->'image'->>'id')::uuid and status = 'active') limit 1),
    'hostExists', (select need.host is null or exists (select from host_states h where h.host = need.host) from need),
    'more', (select more from page)) as doc, 1 as position
  union all
  select 'hosts', coalesce(jsonb_agg(jsonb_build_object(
    'provider', h.resource_provider_id, 'host', h.host, 'cell', c.uuid, 'zone', h.zone, 'hostClass', h.kind, 'free', ${amounts((column) => `h.${column}`)},
    'members', coalesce(m.servers, 0), 'failedBuilds', coalesce(f.builds, 0),
    'starting', (
      select count(*) from allocations a where a.resource_provider_id = h.resource_provider_id and a.resource_class = 'VCPU'
      and a.created_at > now() - interval '${startLasts}' and not exists (
        select from team join instance_group_member fellow on fellow.group_id = team.id where fellow.instance_uuid = a.consumer_id)),
    'servers', case when :count_servers::boolean then (
      select count(*) from allocations a where a.resource_provider_id = h.resource_provider_id and a.resource_class = 'VCPU') else 0 end,
    'alikeProperties', case when :count_alike::boolean then (
      select count(*) from allocations a join request_specs s on s.instance_uuid = a.consumer_id
      cross join lateral jsonb_each(s.spec->'image'->'properties') property join spec on spec.spec->'image'->'properties'->property.key = property.value
      where a.resource_provider_id = h.resource_provider_id and a.resource_class = 'VCPU') else 0 end)), '[]'), 2
  from candidates h join cell_mappings c on c.id = h.cell_id
  left join members m on m.provider = h.resource_provider_id left join failing f on f.provider = h.resource_provider_id
  union all
  select 'reasons', jsonb_build_object(
    'hosts', (select coalesce(sum(hosts), 0) from tallies),
    'rejected', (
      select coalesce(jsonb_agg(jsonb_build_object('step', step, 'hostClass', host_class, 'hosts', hosts, 'names', names)), '[]')
      from tallies where step <> 'none'),
    'asked', (select coalesce(sum(hosts), 0) from reached),
    'suffices', (select ${amounts((column) => `coalesce(sum(${column}), 0)`)} from reached),
    'nearest', (select jsonb_build_object('host', host, 'free', ${amounts((column) => column)}) from nearest),
    'candidates', (select coalesce(sum(candidates), 0) from tallies)), 3
  from outcome where fails
  union all
  select 'class ' || kind, (
    select jsonb_build_object('capabilities', p.capabilities, 'traits', array(select t from unnest(p.traits) t where t <> '${disabledTrait}'))
    from resource_providers p where p.id = host_classes.id), 4
  from (select kind, min(resource_provider_id) as id from candidates group by kind) host_classes`;
