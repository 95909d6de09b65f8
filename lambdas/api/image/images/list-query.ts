/** The query of an image listing, as Glance reads it: what is no parameter and no key of every image is a property, so nothing is passed over. */
import { BadRequest } from '../../../../common/errors.ts';
import { type Comparison, type ImageFilter, type ImageListing, type ImageSort, imageSortKeys } from '../../../../image/images.ts';
import { isoTime } from '../../http/validation/iso-time.ts';
import type { QueryParameters } from '../../http/validation/query.ts';

const defaultLimit = 25;
/** More would not fit one answer of the database. */
const largestLimit = 1000;

const directions = ['asc', 'desc'] as const;
const visibilities = ['public', 'private', 'shared', 'community', 'all'] as const;
const memberStatuses = ['pending', 'accepted', 'rejected', 'all'];

const paging = ['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'visibility', 'member_status'];

/** Returns what a filter finds: the images that meet a condition, or none at all; undefined lets all pass. */
type Reader = (value: string, key: string) => ImageFilter | 'none' | undefined;

const equal: (text: Extract<ImageFilter, { text: unknown }>['text']) => Reader = (text) => (value) => ({ text, oneOf: [value] });
const operated: (text: Extract<ImageFilter, { text: unknown }>['text']) => Reader = (text) => (value) => ({
  text,
  oneOf: alternatives(value),
});
const compared: (number: Extract<ImageFilter, { number: unknown }>['number'], comparison: Comparison) => Reader =
  (number, comparison) => (value, key) => ({ number, comparison, value: numberOf(value, key) });
const timed: (time: Extract<ImageFilter, { time: unknown }>['time']) => Reader = (time) => (value, key) => ({
  time,
  ...timeOf(value, key),
});
/** What no image has. */
const nothing: Reader = () => 'none';

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...(['id', 'name', 'status', 'disk_format', 'container_format'] as const).map((text): [string, Reader] => [text, operated(text)]),
  ...(['owner', 'checksum', 'os_hash_algo', 'os_hash_value'] as const).map((text): [string, Reader] => [text, equal(text)]),
  ...(['size', 'min_disk', 'min_ram'] as const).flatMap((number): [string, Reader][] => [
    [number, compared(number, '=')],
    [`${number}_min`, compared(number, '>=')],
    [`${number}_max`, compared(number, '<=')],
  ]),
  ...(['created_at', 'updated_at'] as const).map((time): [string, Reader] => [time, timed(time)]),
  ['virtual_size', nothing],
  ['virtual_size_min', nothing],
  ['virtual_size_max', nothing],
  ['tag', nothing],
  // No image is hidden or protected.
  ['os_hidden', (value, key) => (isTrue(value.toLowerCase(), key) ? 'none' : undefined)],
  ['protected', (value, key) => (isTrue(value, key) ? 'none' : undefined)],
  ['changes-since', refused('The "changes-since" filter is no longer available on v2.')],
  ['deleted', refused('Deleted images cannot be listed.')],
]);

/**
 * Makes the listing that a query asks for; undefined when it finds no image, whichever there are.
 * @throws BadRequest for what Glance does not know, or this service does not do.
 */
export function toListing(query: QueryParameters): ImageListing | undefined {
  const last = (key: string) => query[key]?.at(-1);
  const filters = Object.entries(query).flatMap(([key, values]) =>
    paging.includes(key) ? [] : (key === 'tag' ? values : values.slice(-1)).map((value) => read(key, value)),
  );
  const visibility = visibilities.find((known) => known === last('visibility'));
  if (query.visibility && !visibility) throw new BadRequest(`Invalid visibility value: ${last('visibility')}`);
  if (query.member_status && !memberStatuses.includes(last('member_status') ?? '')) {
    throw new BadRequest(`Invalid status: ${last('member_status')}`);
  }
  const listing = { visibility, marker: last('marker'), limit: limitOf(last('limit')), sort: sortOf(query) };
  if (filters.includes('none')) return undefined;
  return { ...listing, filters: filters.filter((filter) => filter !== undefined && filter !== 'none') };
}

function read(key: string, value: string): ImageFilter | 'none' | undefined {
  const reader = readers.get(key);
  if (reader) return reader(value, key);
  if (/_(min|max)$/.test(key)) throw new BadRequest(`Unable to filter on a range of ${key.slice(0, -'_min'.length)}.`);
  return { property: key, value };
}

function refused(message: string): Reader {
  return () => {
    throw new BadRequest(message);
  };
}

function isTrue(value: string, key: string): boolean {
  if (value !== 'true' && value !== 'false') {
    throw new BadRequest(`Invalid value '${value}' for '${key}' filter. Valid values are 'true' or 'false'.`);
  }
  return value === 'true';
}

/** A number that no column holds is compared as the largest that JavaScript counts. */
function numberOf(value: string, key: string): number {
  if (!/^[+-]?\d+$/.test(value)) throw new BadRequest(`Unable to filter ${key} with a non-numeric value.`);
  return Math.max(Math.min(Number(value), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
}

/** `operator:value`; a time has colons, too, and without an operator is meant as it is. */
function operatorOf(value: string): [operator: string, operand: string] {
  const colon = value.indexOf(':');
  if (colon < 0 || isoTime(value) !== undefined) return ['eq', value];
  return [value.slice(0, colon), value.slice(colon + 1)];
}

const listForm = /^(?:"(?:[^"\\]|\\.)*"|[^",]*)(?:,(?:"(?:[^"\\]|\\.)*"|[^",]*))*$/;

/** `in:a,"b,c"` names several values. */
function alternatives(value: string): string[] {
  const [operator, operand] = operatorOf(value);
  if (operator === 'eq') return [operand];
  if (operator !== 'in') throw new BadRequest(`Unable to filter by unknown operator '${operator}'.`);
  if (!listForm.test(operand)) throw new BadRequest(`Invalid filter value ${operand}. Its quotation marks do not match.`);
  return [...operand.matchAll(/"((?:[^"\\]|\\.)*)"|[^,]+/g)].map(([plain, quoted]) => quoted ?? plain);
}

const comparisons: ReadonlyMap<string, Comparison> = new Map<string, Comparison>([
  ['eq', '='],
  ['neq', '<>'],
  ['lt', '<'],
  ['lte', '<='],
  ['gt', '>'],
  ['gte', '>='],
]);

function timeOf(text: string, key: string): { comparison: Comparison; value: string } {
  const [operator, operand] = operatorOf(text);
  const comparison = comparisons.get(operator);
  if (!comparison) throw new BadRequest('Unable to filter on a unknown operator.');
  const value = isoTime(operand);
  if (value === undefined) throw new BadRequest(`Bad "${key}" query filter format. Use ISO 8601 DateTime notation.`);
  return { comparison, value };
}

function limitOf(value: string | undefined): number {
  if (value === undefined) return defaultLimit;
  if (!/^[+-]?\d+$/.test(value)) throw new BadRequest('limit param must be an integer');
  if (Number(value) < 0) throw new BadRequest('limit param must be positive');
  return Math.min(Number(value), largestLimit);
}

function sortOf({ sort, sort_key, sort_dir }: QueryParameters): ImageSort[] {
  if (sort) {
    if (sort_key || sort_dir) throw new BadRequest('Old and new sorting syntax cannot be combined');
    return (sort.at(-1) ?? '').split(',').map((text) => {
      const [key = '', direction = 'desc'] = text.split(':');
      return sortBy(key, direction);
    });
  }
  const keys = sort_key ?? ['created_at'];
  const [first = 'desc', ...others] = sort_dir ?? [];
  if (others.length > 0 && others.length + 1 !== keys.length)
    throw new BadRequest('Number of sort dirs does not match the number of sort keys');
  return keys.map((key, index) => sortBy(key, [first, ...others][index] ?? first));
}

function sortBy(name: string, order: string): ImageSort {
  const key = imageSortKeys.find((known) => known === name.trim());
  const direction = directions.find((known) => known === order.trim());
  if (!key) throw new BadRequest(`Invalid sort key: ${name}. It must be one of the following: ${imageSortKeys.join(', ')}.`);
  if (!direction) throw new BadRequest(`Invalid sort direction: ${order}`);
  return { key, direction };
}
