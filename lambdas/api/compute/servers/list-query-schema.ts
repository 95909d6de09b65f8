/** The schema of the query of `GET /servers` and `/servers/detail` (nova-facts 3.1). It knows more parameters than count for everybody. */

import * as z from 'zod';
import { type Column, type FilterUse, type InstanceColumn, instanceColumns } from '../../../../compute/servers/filters.ts';
import type { Microversion } from '../microversions.ts';
import { anyText, limit, parameters, pattern, time } from '../shared/query-parameters.ts';

/** A query that passed the schema: values by parameter. */
export type ServerQuery = Readonly<Record<string, string[] | undefined>>;

/** A filter by a column. */
export interface ColumnFilter extends Pick<Column, 'type' | 'since'> {
  column: InstanceColumn;
  match: 'exact' | 'pattern';
  use: FilterUse;
}

/** The filters by a column, by Nova's names. */
export const columnFilters: ReadonlyMap<string, ColumnFilter> = new Map(
  [...instanceColumns].flatMap(([column, { type, since, ...declared }]) =>
    (['exact', 'pattern'] as const).flatMap((match) =>
      Object.entries(declared[match] ?? {}).map(([name, use]): [string, ColumnFilter] => [name, { column, type, match, use, since }]),
    ),
  ),
);

/** Returns the columns that Nova sorts by at a microversion. */
export function sortKeys(microversion: Microversion): InstanceColumn[] {
  return [...instanceColumns].flatMap(([column, { sort, since }]) => (sort && isKnown(since, microversion) ? [column] : []));
}

function isKnown(since: Column['since'], microversion: Microversion): boolean {
  return since === undefined || microversion.has(since);
}

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

const texts = ['project_id', 'tenant_id', 'sort_dir', 'all_tenants', 'soft_deleted', 'deleted', 'status', 'marker', ...joinedTables];
const patterns = ['flavor', 'ip', 'ip6'];
const tagPatterns = ['tags', 'tags-any', 'not-tags', 'not-tags-any'];

function all<Schema>(names: readonly string[], schema: Schema): Record<string, Schema> {
  return Object.fromEntries(names.map((name) => [name, schema]));
}

function columnFilterSchemas(microversion: Microversion) {
  const known = [...columnFilters].filter(([, { since }]) => isKnown(since, microversion));
  return Object.fromEntries(known.map(([name, { match }]) => [name, match === 'pattern' ? pattern : anyText]));
}

function sortKeySchema(microversion: Microversion) {
  const ignored = microversion.has('strictRequests') ? [] : [...ignoredSortKeys, 'locked'];
  return z.array(z.enum([...sortKeys(microversion), ...ignored])).optional();
}

/** Returns the schema at a microversion. */
export function serverQuery(microversion: Microversion): z.ZodType<ServerQuery> {
  const shape: Record<string, z.ZodType<string[] | undefined>> = {
    ...columnFilterSchemas(microversion),
    // The one pattern whose form Nova does not check.
    launch_index: anyText,
    ...all(texts, anyText),
    ...all(patterns, pattern),
    ...all(microversion.has('serverTags') ? tagPatterns : [], pattern),
    limit,
    sort_key: sortKeySchema(microversion),
    'changes-since': time,
    ...(microversion.has('changesBefore') ? { 'changes-before': time } : {}),
  };
  return parameters(microversion, shape);
}
