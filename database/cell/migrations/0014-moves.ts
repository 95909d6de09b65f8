/**
 * A move in the row of its migration: both flavors, the zone that is left, and its outcome, null for as long as two hosts may have the server. One has one move
 * at a time.
 */

const columns =
  'add column old_flavor jsonb, add column new_flavor jsonb, add column source_zone text, add column dest_zone text, add column outcome text';

export const moves = {
  version: 14,
  name: 'moves',
  sql: `
alter table migrations ${columns};
alter table shadow_migrations ${columns};
create unique index on migrations (instance_uuid) where outcome is null;
`,
};
