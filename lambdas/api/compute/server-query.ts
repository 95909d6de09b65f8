/** The query of `GET /servers` and `/servers/detail`: which of Nova's parameters count for whom (nova-facts 3.1). */
import * as z from 'zod';
import { BadRequest, Forbidden } from '../../../compute/errors.ts';
import { allows, type Caller } from '../../../compute/policy.ts';
import type { ExactField, PatternField, ServerFilters } from '../../../compute/servers/filters.ts';
import type { Listing, SortKey } from '../../../compute/servers/list-servers.ts';
import { statesOf } from '../../../compute/servers/status.ts';
import type { Instance } from '../../../database/instance.ts';
import type { QueryParameters } from '../http/route.ts';
import { booleanWord } from './parameters.ts';

/** The most servers of a page, Nova's `[api]max_limit`. */
export const mostOnPage = 1_000;

/** Below this microversion parameters that do not count are ignored, from it on they are refused. */
const strictSince = 75;

const exact: Readonly<Record<string, ExactField>> = {
  image: 'image_ref',
  image_ref: 'image_ref',
  vm_state: 'vm_state',
  task_state: 'task_state',
  user_id: 'user_id',
  uuid: 'uuid',
  host: 'host',
  node: 'node',
  power_state: 'power_state',
  progress: 'progress',
  launch_index: 'launch_index',
};

const pattern: Readonly<Record<string, PatternField>> = {
  name: 'display_name',
  display_name: 'display_name',
  description: 'display_description',
  display_description: 'display_description',
  hostname: 'hostname',
  reservation_id: 'reservation_id',
  availability_zone: 'availability_zone',
  key_name: 'key_name',
  config_drive: 'config_drive',
  access_ip_v4: 'access_ip_v4',
  access_ip_v6: 'access_ip_v6',
  created_at: 'created_at',
  launched_at: 'launched_at',
  terminated_at: 'terminated_at',
  kernel_id: 'kernel_id',
  ramdisk_id: 'ramdisk_id',
  root_device_name: 'root_device_name',
};

/** The microversion from which everybody may filter by these; the other fields of `exact` and `pattern` are for admins. */
const openSince: Readonly<Record<string, number>> = {
  ...Object.fromEntries(['reservation_id', 'name', 'image'].map((key) => [key, 1])),
  ...Object.fromEntries(
    [
      ...['availability_zone', 'config_drive', 'key_name', 'created_at', 'launched_at', 'terminated_at'],
      ...['power_state', 'task_state', 'vm_state', 'progress', 'user_id'],
    ].map((key) => [key, 83]),
  ),
  hostname: 90,
};

const sortable = new Set<keyof Instance>([
  ...(['access_ip_v4', 'access_ip_v6', 'auto_disk_config', 'availability_zone', 'config_drive', 'created_at'] as const),
  ...(['display_description', 'display_name', 'host', 'hostname', 'image_ref', 'instance_type_id', 'key_name'] as const),
  ...(['launch_index', 'launched_at', 'node', 'power_state', 'progress', 'project_id', 'root_device_name'] as const),
  ...(['task_state', 'terminated_at', 'updated_at', 'user_id', 'uuid', 'vm_state', 'locked'] as const),
]);

/** Parameters that are known beside fields: paging, states, tags, times, and those of services that are not here. */
const known = new Set([
  ...['limit', 'marker', 'sort_key', 'sort_dir', 'all_tenants', 'tenant_id', 'project_id', 'status', 'flavor', 'deleted', 'ip', 'ip6'],
  ...['changes-since', 'changes-before', 'tags', 'tags-any', 'not-tags', 'not-tags-any', 'locked', 'soft_deleted'],
]);

const count = z.string().regex(/^\d+$/).transform(Number);
const time = z.iso.datetime({ offset: true, local: true }).or(z.iso.date());

/**
 * Reads the query of a listing.
 * @throws BadRequest for what is malformed, Forbidden for what the caller may not ask.
 */
export function readListing(caller: Caller, microversion: number, query: QueryParameters, allTenantsRule: 'index' | 'detail'): Listing {
  const get = (key: string) => query[key]?.at(-1);
  const admin = allows(caller, 'os_compute_api:servers:allow_all_filters');
  const filters = fieldFilters(query, microversion, admin);
  const allTenants = readAllTenants(get('all_tenants'));
  if (allTenants && !allows(caller, `os_compute_api:servers:${allTenantsRule}:get_all_tenants`)) {
    throw new Forbidden(`Policy doesn't allow os_compute_api:servers:${allTenantsRule}:get_all_tenants to be performed.`);
  }
  const changed = readTimes(get('changes-since'), microversion >= 66 ? get('changes-before') : undefined, filters);
  const status = readStatus(query.status ?? [], microversion, admin, filters);
  const deletedWord = admin ? get('deleted') : undefined;
  const deleted =
    status === 'deleted' || (deletedWord !== undefined ? parse(booleanWord, 'deleted', deletedWord) : changed ? undefined : false);
  readTags(get, microversion, filters);
  const paging = ['limit', 'marker', 'sort_key', 'sort_dir'].some((key) => key in query);
  const filtered = Object.keys(query).some((key) => !['all_tenants', 'deleted'].includes(key));
  return {
    projectId: allTenants ? (get('tenant_id') ?? get('project_id') ?? null) : caller.projectId,
    deleted,
    filters,
    sort: readSort(query, microversion, caller),
    marker: get('marker') ?? null,
    limit: Math.min(get('limit') === undefined ? mostOnPage : parse(count, 'limit', get('limit')), mostOnPage),
    showUnreachable: microversion >= 69 && !paging && !filtered,
  };
}

/** Tells whether the listing can only be empty: a status that no server can have was asked for. */
export function isEmpty({ filters }: Listing): boolean {
  return filters.states?.length === 0;
}

function fieldFilters(query: QueryParameters, microversion: number, admin: boolean): ServerFilters {
  const filters: ServerFilters = { exact: {}, pattern: {} };
  for (const [key, values] of Object.entries(query)) {
    const field = exact[key] ?? pattern[key];
    if (!field && !known.has(key)) {
      if (microversion >= strictSince) throw new BadRequest(`Additional properties are not allowed ('${key}' was unexpected)`);
      continue;
    }
    const open = openSince[key];
    if (!admin && (open === undefined || microversion < open)) continue;
    if (exact[key]) filters.exact[exact[key]] = key === 'image' ? values.map((value) => value.split('/').at(-1) ?? '') : values;
    else if (pattern[key]) filters.pattern[pattern[key]] = values.at(-1) ?? '';
  }
  const flavor = query.flavor?.at(-1);
  if (flavor !== undefined) filters.flavor = flavor;
  const locked = query.locked?.at(-1);
  if (locked !== undefined && microversion >= 73) filters.exact.locked = [parse(booleanWord, 'locked', locked)];
  return filters;
}

function readAllTenants(value: string | undefined): boolean {
  if (value === undefined) return false;
  return value === '' || parse(booleanWord, 'all_tenants', value);
}

/** Puts the states of a status into the filters; says whether it was the status of deleted servers. */
function readStatus(words: string[], microversion: number, admin: boolean, filters: ServerFilters): 'deleted' | undefined {
  if (words.length === 0) return undefined;
  const states = words.flatMap((word) => statesOf(word));
  if (states.length === 0 && microversion >= 38) throw new BadRequest('Invalid status value');
  filters.states = states;
  if (!states.some(({ vm_state }) => vm_state === 'deleted')) return undefined;
  if (!admin) throw new Forbidden('Only administrators may list deleted instances');
  return 'deleted';
}

function readTimes(since: string | undefined, before: string | undefined, filters: ServerFilters): boolean {
  if (since !== undefined) filters.changesSince = parse(time, 'changes-since', since);
  if (before !== undefined) filters.changesBefore = parse(time, 'changes-before', before);
  if (since !== undefined && before !== undefined && new Date(since) > new Date(before)) {
    throw new BadRequest('The value of changes-since must be less than or equal to changes-before.');
  }
  return since !== undefined || before !== undefined;
}

function readTags(get: (key: string) => string | undefined, microversion: number, filters: ServerFilters): void {
  if (microversion < 26) return;
  const list = (key: string) => get(key)?.split(',');
  const [tags, tagsAny, notTags, notTagsAny] = ['tags', 'tags-any', 'not-tags', 'not-tags-any'].map(list);
  Object.assign(filters, {
    ...(tags && { tags }),
    ...(tagsAny && { tagsAny }),
    ...(notTags && { notTags }),
    ...(notTagsAny && { notTagsAny }),
  });
}

function readSort(query: QueryParameters, microversion: number, caller: Caller): SortKey[] {
  const keys = query.sort_key ?? [];
  const directions = query.sort_dir ?? [];
  if (directions.length > Math.max(keys.length, 1)) throw new BadRequest('Sort direction size exceeds sort key size');
  const direction = (index: number) => parse(z.enum(['asc', 'desc']), 'sort_dir', directions[index] ?? directions[0] ?? 'desc');
  if (keys.length === 0) return [{ field: 'created_at', direction: direction(0) }];
  return keys.map((key, index) => {
    if (!isSortable(key) || (key === 'locked' && microversion < 73)) {
      throw new BadRequest(`Invalid input for query parameters sort_key. Value: ${key}. '${key}' is not a sort key`);
    }
    if ((key === 'host' || key === 'node') && !allows(caller, 'os_compute_api:servers:allow_all_filters')) {
      throw new Forbidden("Policy doesn't allow os_compute_api:servers:allow_all_filters to be performed.");
    }
    return { field: key, direction: direction(index) };
  });
}

function isSortable(key: string): key is keyof Instance {
  return sortable.has(key as keyof Instance);
}

function parse<T>(schema: z.ZodType<T>, key: string, value: string | undefined): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new BadRequest(`Invalid input for query parameters ${key}. Value: ${value}. ${result.error.issues[0]?.message}`);
}
