/**
 * The database of a cell, cell0 included: Nova's tables of a server and all its relations, and of the hosts that run servers.
 * Rows are soft-deleted as in Nova: `deleted` is 0 while a row lives and its own id afterwards.
 */

const softDelete = `
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  deleted_at timestamptz,
  deleted bigint not null default 0`;

export const instancesAndHosts = {
  version: 1,
  name: 'instances-and-hosts',
  sql: `
create table instances (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  user_id text not null,
  project_id text not null,
  image_ref text,
  kernel_id text,
  ramdisk_id text,
  hostname text,
  display_name text,
  display_description text,
  launch_index integer not null default 0,
  key_name text,
  key_data text,
  power_state integer not null default 0,
  vm_state text not null,
  task_state text,
  memory_mb integer not null,
  vcpus integer not null,
  root_gb integer not null,
  ephemeral_gb integer not null,
  host text,
  node text,
  launched_on text,
  instance_type_id integer,
  user_data text,
  reservation_id text not null,
  launched_at timestamptz,
  terminated_at timestamptz,
  availability_zone text,
  locked boolean not null default false,
  locked_by text check (locked_by in ('owner', 'admin')),
  os_type text,
  architecture text,
  vm_mode text,
  root_device_name text,
  config_drive text,
  access_ip_v4 text,
  access_ip_v6 text,
  auto_disk_config boolean,
  progress integer not null default 0,
  cleaned integer not null default 0,
  hidden boolean not null default false,${softDelete}
);
create index on instances (project_id, deleted);
create index on instances (reservation_id);
create index on instances (task_state, updated_at);
create index on instances (host, deleted, cleaned);
create index on instances (deleted, created_at);
create index on instances (updated_at, project_id);

create table instance_extra (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null unique references instances (uuid),
  flavor jsonb not null,
  keypairs jsonb,
  trusted_certs jsonb,${softDelete}
);

create table instance_info_caches (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null unique references instances (uuid),
  network_info jsonb not null default '[]',${softDelete}
);

create table instance_faults (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null references instances (uuid),
  code integer not null,
  message varchar(255),
  details text,
  host text,${softDelete}
);
create index on instance_faults (instance_uuid, deleted, created_at);

create table instance_metadata (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null references instances (uuid),
  key text not null,
  value text,${softDelete},
  unique (instance_uuid, key, deleted)
);

create table instance_system_metadata (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null references instances (uuid),
  key text not null,
  value text,${softDelete},
  unique (instance_uuid, key, deleted)
);

create table tags (
  resource_id uuid not null references instances (uuid),
  tag varchar(80) not null,
  primary key (resource_id, tag)
);

create table block_device_mapping (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  instance_uuid uuid not null references instances (uuid),
  source_type text,
  destination_type text,
  guest_format text,
  device_type text,
  disk_bus text,
  boot_index integer,
  device_name text,
  delete_on_termination boolean not null default false,
  snapshot_id text,
  volume_id text,
  volume_size integer,
  volume_type text,
  image_id text,
  no_device boolean,
  tag text,
  attachment_id text,${softDelete}
);
create index on block_device_mapping (instance_uuid);

create table instance_actions (
  id bigint generated always as identity primary key,
  instance_uuid uuid not null references instances (uuid),
  action text not null,
  request_id text not null,
  user_id text,
  project_id text,
  start_time timestamptz not null,
  finish_time timestamptz,
  message text,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (instance_uuid, request_id, action)
);

create table instance_actions_events (
  id bigint generated always as identity primary key,
  action_id bigint not null references instance_actions,
  event text not null,
  start_time timestamptz not null,
  finish_time timestamptz,
  result text,
  traceback text,
  host text,
  details text,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);
create index on instance_actions_events (action_id);

create table security_groups (
  id bigint generated always as identity primary key,
  name text not null,
  description text,
  user_id text,
  project_id text not null,${softDelete},
  unique (project_id, name, deleted)
);

create table security_group_instance_association (
  id bigint generated always as identity primary key,
  security_group_id bigint not null references security_groups,
  instance_uuid uuid not null references instances (uuid),${softDelete},
  unique (security_group_id, instance_uuid, deleted)
);
create index on security_group_instance_association (instance_uuid);

create table services (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  host text not null,
  "binary" text not null,
  topic text,
  report_count integer not null default 0,
  disabled boolean not null default false,
  disabled_reason text,
  last_seen_up timestamptz,
  forced_down boolean not null default false,
  version integer not null default 0,${softDelete},
  unique (host, "binary", deleted)
);

create table compute_nodes (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  service_id bigint references services,
  host text not null,
  hypervisor_hostname text not null,
  hypervisor_type text not null,
  hypervisor_version integer not null,
  vcpus integer not null,
  memory_mb integer not null,
  local_gb integer not null,
  mapped integer not null default 0,${softDelete},
  unique (host, hypervisor_hostname, deleted)
);

create table migrations (
  id bigint generated always as identity primary key,
  uuid uuid not null unique,
  instance_uuid uuid references instances (uuid),
  source_compute text,
  dest_compute text,
  source_node text,
  dest_node text,
  status text,
  migration_type text,
  hidden boolean not null default false,
  cross_cell_move boolean not null default false,
  user_id text,
  project_id text,${softDelete}
);
create index on migrations (instance_uuid);
`,
};
