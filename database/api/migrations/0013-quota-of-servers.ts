/**
 * What a server holds of its project's quota stands beside it, because it is not always what its request spec says: a resize holds the larger of two flavors.
 * Null, from a release before this one, is what the request spec says; a living server counts as one unless it was given back early.
 */

export const quotaOfServers = {
  version: 13,
  name: 'quota-of-servers',
  sql: `
alter table instance_mappings add column instances integer not null default 1, add column cores integer, add column ram integer;
`,
};
