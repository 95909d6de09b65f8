/**
 * Images that tasks of servers make. Until one is active it belongs to its task, which is named by the server and the request, and is removed with it; `rotation`
 * is how many backups of its kind are kept, null for all.
 */

export const snapshots = {
  version: 15,
  name: 'snapshots',
  sql: `
alter table images add column instance_uuid uuid, add column request_id text, add column rotation bigint;
create index on images (instance_uuid) where status = 'queued';
`,
};
