/**
 * Key pairs and server groups as Nova has them, and the functions that make their quotas exact. There is no counter that could drift: what is there is
 * counted, under a lock that everyone takes who adds to it. A statement sees what was committed before it began; a function sees what was committed
 * before it was called, so what it counts after the lock is the truth until the statement ends.
 */

export const keyPairsAndServerGroups = {
  version: 3,
  name: 'key-pairs-and-server-groups',
  sql: `
-- request_id is the request that made the key pair: a statement sent twice knows its own by it.
create table key_pairs (
  id integer generated always as identity primary key,
  user_id text not null,
  name text not null,
  type text not null default 'ssh' check (type in ('ssh', 'x509')),
  fingerprint text not null,
  public_key text not null,
  request_id text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (user_id, name)
);

-- generation is the scheduler's optimistic lock: whoever places members by what it read of the group moves it on.
create table instance_groups (
  id integer generated always as identity primary key,
  uuid uuid not null unique,
  user_id text not null,
  project_id text not null,
  name text not null,
  generation integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz
);
create index on instance_groups (project_id);

create table instance_group_policy (
  id integer generated always as identity primary key,
  group_id integer not null unique references instance_groups on delete cascade,
  policy text not null check (policy in ('affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity')),
  rules jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz
);

create table instance_group_member (
  id bigint generated always as identity primary key,
  group_id integer not null references instance_groups on delete cascade,
  instance_uuid uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz,
  unique (group_id, instance_uuid)
);
create index on instance_group_member (instance_uuid);

-- A limit of a project; call it after the lock that guards the use of what it limits.
create function quota_limit(of_project text, of_resource text, fallback integer) returns integer language plpgsql as $function$
begin
  return coalesce((select hard_limit from quotas where project_id = of_project and resource = of_resource), fallback);
end $function$;

-- Counts the key pairs of a user, and lets nobody else add one before this transaction ends.
create function count_key_pairs(of_user text) returns bigint language plpgsql as $function$
begin
  perform pg_advisory_xact_lock(hashtextextended('key_pairs ' || of_user, 0));
  return (select count(*) from key_pairs where user_id = of_user);
end $function$;

-- Counts the server groups of a project, and lets nobody else add one before this transaction ends.
create function count_server_groups(of_project text) returns bigint language plpgsql as $function$
begin
  perform pg_advisory_xact_lock(hashtextextended('server_groups ' || of_project, 0));
  return (select count(*) from instance_groups where project_id = of_project);
end $function$;

-- Counts the members of a group, and lets nobody else add one, or delete the group, before this transaction ends. Null when the group is gone.
create function count_group_members(of_group integer) returns bigint language plpgsql as $function$
begin
  perform from instance_groups where id = of_group for no key update;
  if not found then
    return null;
  end if;
  return (select count(*) from instance_group_member where group_id = of_group);
end $function$;
`,
};
