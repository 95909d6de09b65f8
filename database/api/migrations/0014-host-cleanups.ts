/** Hosts for which something may be left to do, once they were forced down or are up again: what pending_cleanups are for servers. */

export const hostCleanups = {
  version: 14,
  name: 'host-cleanups',
  sql: `
create table host_cleanups (
  resource_provider_id integer primary key references resource_providers on delete cascade,
  due_at timestamptz not null default now(),
  generation integer not null default 1
);
`,
};
