/** What a query of `GET /servers` and `/servers/detail` asks for: which of Nova's parameters count for whom (nova-facts 3.1). */

import { isIPv6 } from 'node:net';
import { readBoolean } from '../../../../common/boolean-words.ts';
import type { Caller } from '../../../../common/caller.ts';
import { BadRequest, Forbidden } from '../../../../common/errors.ts';
import { allows, authorize } from '../../../../common/policy.ts';
import { type FilterUse, instanceColumns, type ServerFilters } from '../../../../compute/servers/filters.ts';
import type { Listing, SortKey } from '../../../../compute/servers/list-servers.ts';
import { statesOf } from '../../../../compute/servers/status.ts';
import { isoTime } from '../../http/validation/iso-time.ts';
import type { ChangeName, Microversion } from '../microversions.ts';
import { canonicalIpv6, strictQueryBoolean } from '../shared/parameters.ts';
import { columnFilters, joinedTables, type ServerQuery, sortKeys } from './list-query-schema.ts';

/** The most servers of a page, Nova's `[api]max_limit`. */
export const mostOnPage = 1_000;

/** Who may use the filters that are not by one column; those that stand neither here nor with a column are for admins. */
const otherFilters: ReadonlyMap<string, 'everybody' | ChangeName> = new Map([
  ...(['status', 'flavor', 'ip', 'changes-since', 'all_tenants'] as const).map((name) => [name, 'everybody'] as const),
  ...(['tags', 'tags-any', 'not-tags', 'not-tags-any'] as const).map((name) => [name, 'serverTags'] as const),
  ['ip6', 'ip6Filter'],
  ['changes-before', 'changesBefore'],
]);

const paging = ['limit', 'marker', 'sort_key', 'sort_dir'];

/**
 * Reads a query that passed the schema.
 * @throws BadRequest for what contradicts itself, Forbidden for what the caller may not ask.
 */
export function readListing(caller: Caller, microversion: Microversion, query: ServerQuery, kind: 'index' | 'detail'): Listing {
  const admin = allows(caller, 'os_compute_api:servers:allow_all_filters');
  const options = countingOptions(query, microversion, admin);
  for (const key of options.keys()) if (joinedTables.includes(key)) throw new BadRequest(`Invalid filter field: ${key}.`);
  const filters = fieldFilters(options);
  const deletedByStatus = readStatus(query.status, microversion, filters);
  const changed = readTimes(options, filters);
  if (deletedByStatus && !admin) throw new Forbidden('Only administrators may list deleted instances');
  const deletedWord = options.get('deleted');
  readTags(options, filters);
  const allTenants = readAllTenants(options.get('all_tenants'));
  if (allTenants) authorize(caller, `os_compute_api:servers:${kind}:get_all_tenants`);
  return {
    projectId: allTenants ? (options.get('tenant_id') ?? options.get('project_id') ?? null) : caller.projectId,
    deleted: deletedByStatus || (deletedWord === undefined ? (changed ? undefined : false) : (readBoolean(deletedWord) ?? false)),
    filters,
    sort: readSort(query, microversion, caller),
    marker: query.marker?.at(-1) ?? null,
    limit: Math.min(Number(query.limit?.at(-1) ?? mostOnPage), mostOnPage),
    showUnreachable:
      microversion.has('downCells') &&
      !paging.some((key) => key in query) &&
      [...options.keys()].every((key) => ['all_tenants', 'deleted'].includes(key)),
  };
}

/** Returns whether the listing can only be empty: a status that no server can have, or an address, was asked for. */
export function isEmpty({ filters }: Listing): boolean {
  return filters.states?.length === 0 || filters.address === true;
}

/** The last value of each filter that counts for the caller; the others are dropped. */
function countingOptions(query: ServerQuery, microversion: Microversion, admin: boolean): Map<string, string> {
  const isOpen = (use: FilterUse | ChangeName) => use === 'everybody' || (use !== 'admins' && microversion.has(use));
  const counts = (key: string) =>
    !paging.includes(key) && (admin || isOpen(columnFilters.get(key)?.use ?? otherFilters.get(key) ?? 'admins'));
  return new Map(Object.entries(query).flatMap(([key, values]) => (values && counts(key) ? [[key, values.at(-1) ?? '']] : [])));
}

function fieldFilters(options: ReadonlyMap<string, string>): ServerFilters {
  const filters: ServerFilters = { exact: {}, pattern: {} };
  for (const [key, value] of options) {
    const filter = columnFilters.get(key);
    if (!filter) continue;
    const { match, column, type } = filter;
    filters[match][column] = match === 'exact' && type === 'boolean' ? String(strictQueryBoolean(value)) : value;
  }
  const { access_ip_v6: address } = filters.pattern;
  if (address !== undefined && isIPv6(address)) filters.pattern.access_ip_v6 = canonicalIpv6(address);
  const flavor = options.get('flavor');
  if (flavor !== undefined) filters.flavor = flavor;
  // No server has a network yet, and so none an address.
  if (options.has('ip') || options.has('ip6')) filters.address = true;
  return filters;
}

/** Present without a value it means yes. */
function readAllTenants(value: string | undefined): boolean {
  if (value === undefined) return false;
  return value === '' || strictQueryBoolean(value);
}

/** Puts the states of a status into the filters, in the place of states asked for; says whether it is the status of deleted servers and no other. */
function readStatus(words: string[] | undefined, microversion: Microversion, filters: ServerFilters): boolean {
  if (!words) return false;
  const states = words.flatMap((word) => statesOf(word));
  if (states.length === 0 && microversion.has('invalidStatusRefused')) throw new BadRequest('Invalid status value');
  filters.states = states;
  delete filters.exact.vm_state;
  return states.length > 0 && states.every(({ vm_state }) => vm_state === 'deleted');
}

function readTimes(options: ReadonlyMap<string, string>, filters: ServerFilters): boolean {
  const since = isoTime(options.get('changes-since') ?? '');
  const before = isoTime(options.get('changes-before') ?? '');
  if (since !== undefined) filters.changesSince = since;
  if (before !== undefined) filters.changesBefore = before;
  if (since !== undefined && before !== undefined && since > before) {
    throw new BadRequest('The value of changes-since must be less than or equal to changes-before.');
  }
  return since !== undefined || before !== undefined;
}

function readTags(options: ReadonlyMap<string, string>, filters: ServerFilters): void {
  const names = { tags: 'tags', tagsAny: 'tags-any', notTags: 'not-tags', notTagsAny: 'not-tags-any' } as const;
  for (const field of ['tags', 'tagsAny', 'notTags', 'notTagsAny'] as const) {
    const words = options.get(names[field]);
    if (words !== undefined) filters[field] = words.split(',');
  }
}

/** The last keys that have an order; without any, the newest servers come first. */
function readSort(query: ServerQuery, microversion: Microversion, caller: Caller): SortKey[] {
  const directions = (query.sort_dir ?? []).map((word) => word.trim());
  if (directions.some((word) => word !== 'asc' && word !== 'desc')) {
    throw new BadRequest("Invalid input received: Unknown sort direction, must be 'desc' or 'asc'");
  }
  const [first = 'desc', ...others] = directions.map((word): SortKey['direction'] => (word === 'asc' ? 'asc' : 'desc'));
  const keys = query.sort_key ?? ['created_at'];
  if (others.length >= Math.max(keys.length, 1)) throw new BadRequest('Invalid input received: Sort direction size exceeds sort key size');
  const known = sortKeys(microversion);
  const ordered = keys.flatMap((key, index): SortKey[] => {
    const column = known.find((name) => name === key);
    if (!column) return [];
    if (instanceColumns.get(column)?.sort === 'admins' && !allows(caller, 'os_compute_api:servers:allow_all_filters')) {
      throw new Forbidden(`Only administrators can sort servers by ${column}`);
    }
    return [{ column, direction: [first, ...others][index] ?? first }];
  });
  return ordered.length > 0 ? ordered : [{ column: 'created_at', direction: first }];
}
