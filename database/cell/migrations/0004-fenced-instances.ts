/**
 * Servers that may not be written into the cell any more by those who owned them when their rows were purged. A writer asks, and holds the lock shared
 * until its statement has ended; a fence is set under the same lock, alone. So when the fence stands, whoever had asked before has ended, and the purge
 * that follows sees what it wrote; and whoever asks later is refused. Each query of a volatile function sees what was committed before it.
 */

const lock = 20_260_102;

export const fencedInstances = {
  version: 4,
  name: 'fenced-instances',
  sql: `
create table fenced_instances (
  instance_uuid uuid primary key,
  fencing_token integer not null,
  created_at timestamptz not null default now()
);

create function is_fenced(uuid, integer) returns boolean language sql volatile as $$
  select pg_advisory_xact_lock_shared(${lock});
  select exists (select from fenced_instances where instance_uuid = $1 and fencing_token >= $2);
$$;

create function fence_instances(servers jsonb) returns void language sql volatile as $$
  select pg_advisory_xact_lock(${lock});
  delete from fenced_instances where created_at < now() - interval '1 day';
  insert into fenced_instances (instance_uuid, fencing_token)
  select uuid, fencing_token from jsonb_to_recordset(servers) as list (uuid uuid, fencing_token int)
  on conflict (instance_uuid) do update
  set fencing_token = greatest(fenced_instances.fencing_token, excluded.fencing_token), created_at = now();
$$;
`,
};
