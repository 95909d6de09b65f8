/** The query of an image listing, as Glance reads it. */
import * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import { type ImageListing, type ImageSort, imageSortKeys } from '../../../../image/images.ts';
import { lastValue } from '../../http/validation/query-schemas.ts';

const defaultLimit = 25;
/** More would not fit one answer of the database. */
const largestLimit = 1000;

const directions = ['asc', 'desc'] as const;

/** The schema; parameters it does not know are ignored. */
export const listingSchema = z.object({
  id: lastValue,
  name: lastValue,
  status: lastValue,
  visibility: lastValue.pipe(z.enum(['public', 'private', 'shared', 'community', 'all']).optional()),
  limit: lastValue.pipe(
    z
      .string()
      .regex(/^\d+$/)
      .transform((digits) => Math.min(Number(digits), largestLimit))
      .optional(),
  ),
  marker: lastValue,
  os_hidden: lastValue,
  sort: lastValue,
  sort_key: z.array(z.enum(imageSortKeys)).optional(),
  sort_dir: z.array(z.enum(directions)).optional(),
});
type ListingQuery = z.infer<typeof listingSchema>;

/**
 * Makes the listing that a query asks for.
 * @throws BadRequest when the sort order names something unknown.
 */
export function toListing(query: ListingQuery): ImageListing {
  const { id, name, status, visibility, marker, limit = defaultLimit } = query;
  return {
    ids: id === undefined ? undefined : alternatives(id),
    name,
    status,
    visibility: visibility === 'all' ? undefined : visibility,
    marker,
    limit,
    sort: query.sort === undefined ? keyedSort(query) : query.sort.split(',').map(parseSort),
  };
}

/** `in:a,b` names several values. */
function alternatives(value: string): string[] {
  return value.startsWith('in:') ? value.slice('in:'.length).split(',') : [value];
}

function keyedSort({ sort_key = ['created_at'], sort_dir = ['desc'] }: ListingQuery): ImageSort[] {
  return sort_key.map((key, index) => ({ key, direction: sort_dir[index] ?? sort_dir[0] ?? 'desc' }));
}

function parseSort(text: string): ImageSort {
  const [name = '', order = 'desc'] = text.split(':');
  const key = imageSortKeys.find((known) => known === name);
  const direction = directions.find((known) => known === order);
  if (!key) throw new BadRequest(`Invalid sort key: ${name}. It must be one of the following: ${imageSortKeys.join(', ')}.`);
  if (!direction) throw new BadRequest(`Invalid sort direction: ${order}. It must be one of the following: asc, desc.`);
  return { key, direction };
}
