/** The query of `GET /flavors` and `/flavors/detail`. */

import * as z from 'zod';
import { readBoolean } from '../../../../common/boolean-words.ts';
import { BadRequest } from '../../../../common/errors.ts';
import { type FlavorFilter, flavorSortKeys } from '../../../../compute/flavors/flavors.ts';
import type { Microversion } from '../microversions.ts';
import { mostOnPage } from '../servers/list-query.ts';
import { anyText, limit, parameters } from '../shared/query-parameters.ts';

/** Nova's sort key that no flavor has a value for. */
const withoutValue = 'vcpu_weight';

/** The schema of the query. */
export function flavorQuery(microversion: Microversion) {
  return parameters(microversion, {
    limit,
    marker: anyText,
    is_public: anyText,
    minRam: anyText,
    minDisk: anyText,
    sort_key: z.array(z.enum([...flavorSortKeys, withoutValue])).optional(),
    sort_dir: z.array(z.enum(['asc', 'desc'])).optional(),
  });
}

/** A query that passed the schema. */
export type FlavorQuery = z.infer<ReturnType<typeof flavorQuery>>;

/**
 * Turns a query into what it asks of the database.
 * @throws BadRequest for words that are no boolean and no number.
 */
export function readFlavorQuery(query: FlavorQuery, projectId: string, seesAll: boolean): FlavorFilter {
  const sortKey = query.sort_key?.at(-1) ?? 'flavorid';
  return {
    projectId,
    seesAll,
    isPublic: seesAll ? readIsPublic(query.is_public?.at(-1)) : true,
    minRam: readNumber('minRam', query.minRam?.at(-1)),
    minDisk: readNumber('minDisk', query.minDisk?.at(-1)),
    sortKey: sortKey === withoutValue ? 'id' : sortKey,
    sortDirection: query.sort_dir?.at(-1) ?? 'asc',
    marker: query.marker?.at(-1) ?? null,
    limit: Math.min(Number(query.limit?.at(-1) ?? mostOnPage), mostOnPage),
  };
}

/** `none` stands for public and private ones alike. */
function readIsPublic(word: string | undefined): boolean | null {
  if (word === undefined) return true;
  if (word.toLowerCase() === 'none') return null;
  const meant = readBoolean(word);
  if (meant === undefined) throw new BadRequest(`Invalid is_public filter [${word}]`);
  return meant;
}

function readNumber(name: string, word = '0'): number {
  if (!/^\s*[+-]?\d+\s*$/.test(word)) throw new BadRequest(`Invalid ${name} filter [${word}]`);
  return Math.max(Math.min(Number(word), Number.MAX_SAFE_INTEGER), 0);
}
