/** What is being done to a server: see database/servers/task.ts. It stands in the server's row, so that its lock guards both. */

export const tasks = {
  version: 6,
  name: 'tasks',
  sql: 'alter table instances add column task jsonb; alter table shadow_instances add column task jsonb;',
};
