/** The api database as Nova has it (cells, boots, flavors, quotas), with placement beside it, so that one statement can move both. */

export const cellsAndPlacement = {
  version: 1,
  name: 'cells-and-placement',
  sql: `
create table cell_mappings (
  id integer generated always as identity primary key,
  uuid uuid not null unique,
  name text not null,
  transport_url text not null default 'none:///',
  database_connection text not null,
  disabled boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table host_mappings (
  id integer generated always as identity primary key,
  cell_id integer not null references cell_mappings,
  host text not null unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);
create index on host_mappings (cell_id);

-- The global index of servers: one row from acceptance to archive. Ordered listings read here first.
create table instance_mappings (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null unique,
  cell_id integer references cell_mappings,
  project_id text not null,
  user_id text not null,
  queued_for_delete boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);
create index on instance_mappings (project_id, created_at desc, id desc);
create index on instance_mappings (created_at desc, id desc);
create index on instance_mappings (user_id, project_id);
create index on instance_mappings (cell_id);
create index on instance_mappings (updated_at) where queued_for_delete;

-- execution is the workflow that may move the server; every step of it names itself, so that one that was given up can do nothing any more.
-- cell_id is the cell that the server is being written into. updated_at is when the workflow was last heard of.
create table build_requests (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null unique,
  project_id text not null,
  reservation_id text not null,
  request_id text not null,
  execution text not null,
  cell_id integer references cell_mappings,
  instance jsonb not null,
  block_device_mappings jsonb not null default '[]',
  tags jsonb not null default '[]',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index on build_requests (reservation_id);
create index on build_requests (updated_at);

-- Where something may be left to finish: a build or a delete in the server's cell, or a row in a cell that the server turned away from. Written in the
-- statement after which something may be left, so the reaper asks no cell in vain and lets idle ones sleep.
create table cell_work (
  instance_uuid uuid not null,
  cell_id integer not null references cell_mappings,
  created_at timestamptz not null default now(),
  primary key (instance_uuid, cell_id)
);
create index on cell_work (cell_id, created_at);

create table request_specs (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null unique,
  spec jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table flavors (
  id integer generated always as identity primary key,
  name text not null unique,
  flavorid text not null unique,
  memory_mb integer not null,
  vcpus integer not null,
  root_gb integer not null default 0,
  ephemeral_gb integer not null default 0,
  swap integer not null default 0,
  rxtx_factor double precision not null default 1,
  disabled boolean not null default false,
  is_public boolean not null default true,
  description text,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table flavor_extra_specs (
  id integer generated always as identity primary key,
  flavor_id integer not null references flavors on delete cascade,
  key text not null,
  value text,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (flavor_id, key)
);

create table flavor_projects (
  id integer generated always as identity primary key,
  flavor_id integer not null references flavors on delete cascade,
  project_id text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (flavor_id, project_id)
);

create table quotas (
  id integer generated always as identity primary key,
  project_id text not null,
  resource text not null,
  hard_limit integer not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (project_id, resource)
);

-- One row a project: the three counts of a boot move together, under one row lock.
create table quota_usages (
  project_id text primary key,
  instances integer not null default 0,
  cores integer not null default 0,
  ram bigint not null default 0,
  updated_at timestamptz
);

-- Not a CHECK: when a row moved since the statement began, PostgreSQL puts a change that it first makes of the old row to the CHECK, and refuses what
-- would be right. A trigger after the fact sees the row that is kept.
create function refuse_negative_use() returns trigger language plpgsql as $body$
begin
  raise check_violation using message = format('the use in %s would be negative: %s', tg_table_name, new);
end $body$;
create trigger never_negative after insert or update on quota_usages for each row
  when (least(new.instances, new.cores, new.ram) < 0) execute function refuse_negative_use();

create table resource_providers (
  id integer generated always as identity primary key,
  uuid uuid not null unique,
  name text not null unique,
  traits text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

-- What a provider has of a resource, what is claimed of it, and so what is free.
create table inventories (
  id integer generated always as identity primary key,
  resource_provider_id integer not null references resource_providers,
  resource_class text not null,
  total integer not null,
  reserved integer not null default 0,
  allocation_ratio double precision not null default 1,
  used bigint not null default 0,
  free bigint not null generated always as (floor((total - reserved) * allocation_ratio)::bigint - used) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (resource_provider_id, resource_class)
);
create trigger never_negative after insert or update on inventories for each row when (new.used < 0) execute function refuse_negative_use();

create table allocations (
  id bigint generated always as identity primary key,
  consumer_id uuid not null,
  resource_provider_id integer not null references resource_providers,
  resource_class text not null,
  used integer not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (consumer_id, resource_class)
);
create index on allocations (resource_provider_id);
`,
};
