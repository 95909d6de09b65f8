/**
 * A server that moves has allocations on two hosts, as in Nova: the migration, by its uuid, is the consumer of what the server leaves. Until the move is over
 * it may hold more of the quota than the server does. The function sees what was committed before the row of the server was locked, also by the statement
 * that had it before.
 */

export const migrationConsumers = {
  version: 17,
  name: 'migration-consumers',
  sql: `
create table migration_consumers (
  migration_uuid uuid primary key,
  instance_uuid uuid not null,
  cores integer not null,
  ram integer not null,
  created_at timestamptz not null default now()
);
create index on migration_consumers (instance_uuid);

-- Cores and ram.
create function quota_of_moves(server uuid) returns bigint[] language sql volatile as $$
  select array[coalesce(sum(cores), 0), coalesce(sum(ram), 0)] from migration_consumers where instance_uuid = server;
$$;
`,
};
