/** The schema of the query of `GET /servers` and `/servers/detail` (nova-facts 3.1). It knows more parameters than count for everybody. */

import * as z from 'zod';
import type { Microversion } from '../microversions.ts';
import { anyText, limit, parameters, pattern, time } from '../shared/query-parameters.ts';

/** A query that passed the schema: values by parameter. */
export type ServerQuery = Readonly<Record<string, string[] | undefined>>;

/** Keys that Nova sorts by. */
export const sortKeys = [
  ...(['access_ip_v4', 'access_ip_v6', 'auto_disk_config', 'availability_zone', 'config_drive', 'created_at'] as const),
  ...(['display_description', 'display_name', 'host', 'hostname', 'image_ref', 'instance_type_id', 'kernel_id', 'key_name'] as const),
  ...(['launch_index', 'launched_at', 'locked_by', 'node', 'power_state', 'progress', 'project_id', 'ramdisk_id'] as const),
  ...(['root_device_name', 'task_state', 'terminated_at', 'updated_at', 'user_id', 'uuid', 'vm_state'] as const),
] as const;

/** Names of columns that Nova's schema took for sort keys before 2.75 and its code never sorted by. */
const ignoredSortKeys = [
  ...(['architecture', 'cell_name', 'cleaned', 'default_ephemeral_device', 'default_swap_device', 'deleted', 'deleted_at'] as const),
  ...(['disable_terminate', 'ephemeral_gb', 'ephemeral_key_uuid', 'id', 'key_data', 'launched_on', 'memory_mb', 'os_type'] as const),
  ...(['reservation_id', 'root_gb', 'shutdown_terminate', 'user_data', 'vcpus', 'vm_mode'] as const),
] as const;

/** Names of joined tables: known, so that asking for them is an error even where unknown parameters are dropped. */
export const joinedTables = [
  ...['block_device_mapping', 'services', 'metadata', 'system_metadata', 'info_cache', 'security_groups', 'pci_devices'],
];

const texts = [
  ...['user_id', 'project_id', 'tenant_id', 'launch_index', 'image_ref', 'image', 'vm_state', 'task_state', 'host', 'uuid'],
  ...['sort_dir', 'all_tenants', 'soft_deleted', 'deleted', 'status', 'marker', ...joinedTables],
];
const patterns = [
  ...['kernel_id', 'ramdisk_id', 'hostname', 'key_name', 'power_state', 'node', 'flavor', 'reservation_id', 'launched_at', 'terminated_at'],
  ...['availability_zone', 'name', 'display_name', 'description', 'display_description', 'locked_by', 'root_device_name', 'config_drive'],
  ...['access_ip_v4', 'access_ip_v6', 'auto_disk_config', 'progress', 'ip', 'ip6', 'created_at'],
];
const tagPatterns = ['tags', 'tags-any', 'not-tags', 'not-tags-any'];

function all<Schema>(names: readonly string[], schema: Schema): Record<string, Schema> {
  return Object.fromEntries(names.map((name) => [name, schema]));
}

function sortKeySchema(microversion: Microversion) {
  const known: readonly string[] = [
    ...sortKeys,
    ...(microversion.has('lockedReason') ? ['locked'] : []),
    ...(microversion.has('strictRequests') ? [] : [...ignoredSortKeys, 'locked']),
  ];
  return z.array(z.enum(known)).optional();
}

/** Returns the schema at a microversion. */
export function serverQuery(microversion: Microversion): z.ZodType<ServerQuery> {
  const shape: Record<string, z.ZodType<string[] | undefined>> = {
    ...all(texts, anyText),
    ...all(patterns, pattern),
    ...all(microversion.has('serverTags') ? tagPatterns : [], pattern),
    limit,
    sort_key: sortKeySchema(microversion),
    'changes-since': time,
    ...(microversion.has('changesBefore') ? { 'changes-before': time } : {}),
    ...(microversion.has('lockedReason') ? { locked: anyText } : {}),
  };
  return parameters(microversion, shape);
}
