/**
 * What the scheduler needs beside Placement's tables: aggregates, which make availability zones, and one row for each host that says all a search for room
 * asks. That row follows from other tables; triggers keep it, so no statement that moves room, hosts, cells or zones can forget it. Its indexes hold only
 * hosts that may be picked, so a search never meets the others.
 */

export const scheduling = {
  version: 4,
  name: 'scheduling',
  sql: `
create table aggregates (
  id integer generated always as identity primary key,
  uuid uuid not null unique default gen_random_uuid(),
  name text not null unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table aggregate_hosts (
  id integer generated always as identity primary key,
  aggregate_id integer not null references aggregates on delete cascade,
  host text not null,
  created_at timestamptz not null default now(),
  unique (host, aggregate_id)
);
create index on aggregate_hosts (aggregate_id);

-- The value of the key availability_zone is the zone of the aggregate's hosts.
create table aggregate_metadata (
  id integer generated always as identity primary key,
  aggregate_id integer not null references aggregates on delete cascade,
  key text not null,
  value text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (aggregate_id, key)
);
create index on aggregate_metadata (key, value);

-- What a host can do: hypervisor_type, hypervisor_version, cpu_info, supported_instances ([architecture, hypervisor type, vm mode] each), …
alter table resource_providers add column capabilities jsonb not null default '{}';

-- How many builds failed on a host in a row of failures; forgotten some time after the last.
create table build_failures (
  resource_provider_id integer primary key references resource_providers on delete cascade,
  builds integer not null default 1,
  last_at timestamptz not null default now()
);

create index on allocations (resource_provider_id, created_at) where resource_class = 'VCPU';

-- A host as the scheduler sees it; vcpu, memory_mb and disk_gb are free. Hosts of one kind have the same capabilities and traits.
create table host_states (
  resource_provider_id integer primary key references resource_providers on delete cascade,
  host text not null unique,
  cell_id integer,
  cell_disabled boolean not null,
  service_disabled boolean not null,
  pickable boolean not null generated always as (cell_id is not null and not cell_disabled and not service_disabled) stored,
  zone text not null,
  kind text not null,
  vcpu bigint not null,
  memory_mb bigint not null,
  disk_gb bigint not null
);
create index host_states_vcpu on host_states (zone, vcpu desc) where pickable;
create index host_states_memory_mb on host_states (zone, memory_mb desc) where pickable;
create index host_states_disk_gb on host_states (zone, disk_gb desc) where pickable;
create index on host_states (cell_id);

-- Rows are locked in the order of their ids before anything is read, so that what is read cannot be stale when it is written.
create function refresh_host_states(providers integer[]) returns void language plpgsql as $body$
begin
  perform 1 from host_states where resource_provider_id = any (providers) order by resource_provider_id for update;
  insert into host_states (resource_provider_id, host, cell_id, cell_disabled, service_disabled, zone, kind, vcpu, memory_mb, disk_gb)
  select p.id, p.name, c.id, coalesce(c.disabled, false), 'COMPUTE_STATUS_DISABLED' = any (p.traits), coalesce(z.zone, 'nova'),
    md5(p.capabilities::text || array(select t from unnest(p.traits) t where t <> 'COMPUTE_STATUS_DISABLED' order by t)::text),
    coalesce(i.vcpu, 0), coalesce(i.memory_mb, 0), coalesce(i.disk_gb, 0)
  from resource_providers p
  left join host_mappings h on h.host = p.name
  left join cell_mappings c on c.id = h.cell_id
  left join lateral (
    select m.value as zone from aggregate_hosts a join aggregate_metadata m on m.aggregate_id = a.aggregate_id and m.key = 'availability_zone'
    where a.host = p.name order by a.aggregate_id limit 1) z on true
  left join lateral (
    select max(free) filter (where resource_class = 'VCPU') as vcpu, max(free) filter (where resource_class = 'MEMORY_MB') as memory_mb,
      max(free) filter (where resource_class = 'DISK_GB') as disk_gb
    from inventories where resource_provider_id = p.id) i on true
  where p.id = any (providers)
  on conflict (resource_provider_id) do update set host = excluded.host, cell_id = excluded.cell_id, cell_disabled = excluded.cell_disabled,
    service_disabled = excluded.service_disabled, zone = excluded.zone, kind = excluded.kind,
    vcpu = excluded.vcpu, memory_mb = excluded.memory_mb, disk_gb = excluded.disk_gb;
end $body$;

create function host_states_follow_providers() returns trigger language plpgsql as $body$
begin
  perform refresh_host_states(array(select id from changed));
  return null;
end $body$;
create trigger host_state_insert after insert on resource_providers
  referencing new table as changed for each statement execute function host_states_follow_providers();
create trigger host_state_update after update on resource_providers
  referencing new table as changed for each statement execute function host_states_follow_providers();

create function host_states_follow_new_inventories() returns trigger language plpgsql as $body$
begin
  perform refresh_host_states(array(select distinct resource_provider_id from changed));
  return null;
end $body$;
create trigger host_state_insert after insert on inventories
  referencing new table as changed for each statement execute function host_states_follow_new_inventories();
create trigger host_state_delete after delete on inventories
  referencing old table as changed for each statement execute function host_states_follow_new_inventories();

-- On the way of every claim and release. Whoever changes an inventory holds it locked, so its new amount is the last word.
create function host_states_follow_inventories() returns trigger language plpgsql as $body$
begin
  perform 1 from host_states where resource_provider_id in (select resource_provider_id from changed) order by resource_provider_id for update;
  update host_states s set vcpu = coalesce(c.vcpu, s.vcpu), memory_mb = coalesce(c.memory_mb, s.memory_mb), disk_gb = coalesce(c.disk_gb, s.disk_gb)
  from (
    select resource_provider_id, max(free) filter (where resource_class = 'VCPU') as vcpu,
      max(free) filter (where resource_class = 'MEMORY_MB') as memory_mb, max(free) filter (where resource_class = 'DISK_GB') as disk_gb
    from changed group by resource_provider_id) c
  where s.resource_provider_id = c.resource_provider_id;
  return null;
end $body$;
create trigger host_state_update after update on inventories
  referencing new table as changed for each statement execute function host_states_follow_inventories();

create function host_states_follow_hosts() returns trigger language plpgsql as $body$
begin
  perform refresh_host_states(array(select id from resource_providers where name in (select host from changed)));
  return null;
end $body$;
create trigger host_state_insert after insert on host_mappings
  referencing new table as changed for each statement execute function host_states_follow_hosts();
create trigger host_state_update after update on host_mappings
  referencing new table as changed for each statement execute function host_states_follow_hosts();
create trigger host_state_delete after delete on host_mappings
  referencing old table as changed for each statement execute function host_states_follow_hosts();
create trigger host_state_insert after insert on aggregate_hosts
  referencing new table as changed for each statement execute function host_states_follow_hosts();
create trigger host_state_delete after delete on aggregate_hosts
  referencing old table as changed for each statement execute function host_states_follow_hosts();

create function host_states_follow_zones() returns trigger language plpgsql as $body$
begin
  perform refresh_host_states(array(
    select p.id from changed join aggregate_hosts a on a.aggregate_id = changed.aggregate_id join resource_providers p on p.name = a.host
    where changed.key = 'availability_zone'));
  return null;
end $body$;
create trigger host_state_insert after insert on aggregate_metadata
  referencing new table as changed for each statement execute function host_states_follow_zones();
create trigger host_state_update after update on aggregate_metadata
  referencing new table as changed for each statement execute function host_states_follow_zones();
create trigger host_state_delete after delete on aggregate_metadata
  referencing old table as changed for each statement execute function host_states_follow_zones();

create function host_states_follow_cells() returns trigger language plpgsql as $body$
begin
  perform refresh_host_states(array(
    select p.id from host_mappings h join resource_providers p on p.name = h.host where h.cell_id = new.id));
  return null;
end $body$;
create trigger host_state_update after update of disabled on cell_mappings
  for each row when (old.disabled is distinct from new.disabled) execute function host_states_follow_cells();

-- Hosts of a zone with room, those with most of the resource that is scarcest. Which one is, a bounded count tells; led by it the search does not pass over
-- hosts that are full of something else. The planner cannot know what is asked for, so it is told to keep to the order of an index and to stop early.
create function hosts_with_room(
  of_zone text, vcpus bigint, memory bigint, disk bigint, without_cells integer[], without_kinds text[], without_hosts integer[], most integer
) returns setof host_states language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $body$
declare
  plenty constant integer := 300;
  by_vcpu constant integer := (select count(*) from (
    select from host_states h where h.pickable and h.zone = of_zone and h.vcpu >= vcpus limit plenty) enough);
  by_memory constant integer := (select count(*) from (
    select from host_states h where h.pickable and h.zone = of_zone and h.memory_mb >= memory limit plenty) enough);
  by_disk constant integer := (select count(*) from (
    select from host_states h where h.pickable and h.zone = of_zone and h.disk_gb >= disk limit plenty) enough);
begin
  if by_memory <= by_vcpu and by_memory <= by_disk then
    return query select h.* from host_states h
      where h.pickable and h.zone = of_zone and h.vcpu >= vcpus and h.memory_mb >= memory and h.disk_gb >= disk
        and h.cell_id <> all (without_cells) and h.kind <> all (without_kinds) and h.resource_provider_id <> all (without_hosts)
      order by h.memory_mb desc limit most;
  elsif by_vcpu <= by_disk then
    return query select h.* from host_states h
      where h.pickable and h.zone = of_zone and h.vcpu >= vcpus and h.memory_mb >= memory and h.disk_gb >= disk
        and h.cell_id <> all (without_cells) and h.kind <> all (without_kinds) and h.resource_provider_id <> all (without_hosts)
      order by h.vcpu desc limit most;
  else
    return query select h.* from host_states h
      where h.pickable and h.zone = of_zone and h.vcpu >= vcpus and h.memory_mb >= memory and h.disk_gb >= disk
        and h.cell_id <> all (without_cells) and h.kind <> all (without_kinds) and h.resource_provider_id <> all (without_hosts)
      order by h.disk_gb desc limit most;
  end if;
end $body$;
`,
};
