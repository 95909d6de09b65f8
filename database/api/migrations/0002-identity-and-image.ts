/** Who may use the API and what it may boot: the least of Keystone's and Glance's tables. Ids of users, projects and roles are 32 hex digits, as Keystone's. */

export const identityAndImage = {
  version: 2,
  name: 'identity-and-image',
  sql: `
create table projects (
  id text primary key check (id ~ '^[0-9a-f]{32}$'),
  name text not null unique,
  description text not null default '',
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table users (
  id text primary key check (id ~ '^[0-9a-f]{32}$'),
  name text not null unique,
  password_hash text not null,
  default_project_id text references projects,
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table roles (
  id text primary key check (id ~ '^[0-9a-f]{32}$'),
  name text not null unique
);
insert into roles (id, name) values
  (md5('cellzero role admin'), 'admin'), (md5('cellzero role member'), 'member'), (md5('cellzero role reader'), 'reader');

create table role_assignments (
  user_id text not null references users on delete cascade,
  project_id text not null references projects on delete cascade,
  role_id text not null references roles,
  created_at timestamptz not null default now(),
  primary key (user_id, project_id, role_id)
);
create index on role_assignments (project_id);

create table images (
  id uuid primary key,
  name text not null,
  owner text not null,
  visibility text not null check (visibility in ('public', 'private', 'shared', 'community')),
  status text not null,
  size bigint,
  min_disk integer not null default 0,
  min_ram integer not null default 0,
  disk_format text,
  container_format text,
  checksum text,
  os_hash_algo text,
  os_hash_value text,
  properties jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index on images (name);
create index on images (owner);
`,
};
