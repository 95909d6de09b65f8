/** The tables with rows of a server by its `instance_uuid` that are deleted with it; its actions outlive it, and its tags have a key of their own. */
export const serverTables = [
  'instance_extra',
  'instance_info_caches',
  'instance_faults',
  'instance_metadata',
  'instance_system_metadata',
  'block_device_mapping',
  'security_group_instance_association',
  'migrations',
];
