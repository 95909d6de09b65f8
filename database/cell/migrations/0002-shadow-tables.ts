/** Where rows of deleted servers go when they are archived: a shadow of each table, as in Nova, with the same columns in the same order. */

/** Tables with their column that says how old an archived row is; actions are never deleted by themselves. */
const tables = {
  instances: 'deleted_at',
  instance_extra: 'deleted_at',
  instance_info_caches: 'deleted_at',
  instance_faults: 'deleted_at',
  instance_metadata: 'deleted_at',
  instance_system_metadata: 'deleted_at',
  block_device_mapping: 'deleted_at',
  security_group_instance_association: 'deleted_at',
  migrations: 'deleted_at',
  instance_actions: 'created_at',
  instance_actions_events: 'created_at',
};

export const shadowTables = {
  version: 2,
  name: 'shadow-tables',
  sql: Object.entries(tables)
    .map(([table, age]) => `create table shadow_${table} (like ${table}); create index on shadow_${table} (${age});`)
    .join('\n'),
};
