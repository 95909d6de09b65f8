/** Who may write a server: see database/servers/ownership.ts. What was begun before has the token 0, which every owner is newer than. */

export const fencingTokens = {
  version: 6,
  name: 'fencing-tokens',
  sql: `
alter table build_requests add column fencing_token integer not null default 1;

-- The owner of a server that has its cell; the execution is null where none ever wrote it.
alter table instance_mappings add column execution text, add column fencing_token integer not null default 0;

-- A cleanup concerns what was written with this token or an earlier one.
alter table cell_work rename to pending_cleanups;
alter table pending_cleanups add column fencing_token integer not null default 0;

-- As Placement's: grows when the host is disabled, so that who is about to enable it finds it changed.
alter table resource_providers add column generation integer not null default 0;
`,
};
