/**
 * The query of a list, as Keystone reads it: each parameter is a filter, all of them hold, and texts are also met in part (`name__icontains`). What the list
 * has no filter for is refused, where Keystone passes over it.
 */
import { booleanWords } from '../../../../common/boolean-words.ts';
import { BadRequest } from '../../../../common/errors.ts';
import type { QueryParameters } from '../../http/validation/query.ts';

/** Makes a test of items out of the value of a parameter and of what follows its name, such as `icontains`; undefined when nothing follows. */
export type Filter<Item> = (value: string, comparator: string | undefined) => ((item: Item) => boolean) | undefined;

const comparators: ReadonlyMap<string, (text: string, part: string) => boolean> = new Map([
  ['contains', (text: string, part: string) => text.includes(part)],
  ['startswith', (text: string, part: string) => text.startsWith(part)],
  ['endswith', (text: string, part: string) => text.endsWith(part)],
]);

/** Meets a text, or a part of it. */
export function text<Item>(of: (item: Item) => string): Filter<Item> {
  return (value, comparator) => {
    if (comparator === undefined) return (item) => of(item) === value;
    const exact = comparators.get(comparator);
    if (exact) return (item) => exact(of(item), value);
    const folded = comparator.startsWith('i') ? comparators.get(comparator.slice(1)) : undefined;
    return folded && ((item) => folded(of(item).toLowerCase(), value.toLowerCase()));
  };
}

/** Meets what is, or is not; the bare name means that it is. */
export function flag<Item>(of: (item: Item) => boolean): Filter<Item> {
  return (value, comparator) => {
    const meant = value === '' || booleanWords.get(value.toLowerCase());
    return comparator === undefined && meant !== undefined ? (item) => of(item) === meant : undefined;
  };
}

/** Meets every item, or none: what is asked for has no item here. */
export function everything(met: boolean): Filter<unknown> {
  return (_, comparator) => (comparator === undefined ? () => met : undefined);
}

/** The part of a list that a query asks for, with Keystone's links. */
export interface Page<Item> {
  items: Item[];
  links: { self: string; next: string | null; previous: null };
}

/**
 * Returns the items that meet all filters, after the marker and up to the limit.
 * @param url of the list.
 * @throws BadRequest for what is no filter of the list, a value that it cannot have, and a marker that is no item of it.
 */
export function pageOf<Item extends { id: string }>(
  items: readonly Item[],
  query: QueryParameters,
  filters: ReadonlyMap<string, Filter<Item>>,
  url: string,
): Page<Item> {
  const { limit, marker, ...asked } = query;
  const tests = Object.entries(asked).flatMap(([name, values]) => values.map((value) => testOf(name, value, filters)));
  const met = items.filter((item) => tests.every((test) => test(item)));
  const rest = marker === undefined ? met : met.slice(indexAfter(met, marker.at(-1)));
  const page = rest.slice(0, limitOf(limit?.at(-1)));
  const last = page.at(-1);
  return {
    items: page,
    links: { self: urlOf(url, query), next: last && page.length < rest.length ? urlOf(url, query, last.id) : null, previous: null },
  };
}

function testOf<Item>(parameter: string, value: string, filters: ReadonlyMap<string, Filter<Item>>): (item: Item) => boolean {
  const [name = '', comparator] = parameter.split(/__(.*)/s);
  const test = filters.get(name)?.(value, comparator);
  if (!test) throw new BadRequest(`The list cannot be filtered by ${parameter}=${value}.`);
  return test;
}

function indexAfter(items: readonly { id: string }[], marker: string | undefined): number {
  const index = items.findIndex(({ id }) => id === marker);
  if (index < 0) throw new BadRequest(`Could not find marker: ${marker}.`);
  return index + 1;
}

function limitOf(limit: string | undefined): number | undefined {
  if (limit !== undefined && !/^[1-9]\d*$/.test(limit)) throw new BadRequest(`Invalid limit: ${limit}.`);
  return limit === undefined ? undefined : Number(limit);
}

function urlOf(url: string, query: QueryParameters, marker?: string): string {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, values]) => values.map((value): [string, string] => [name, value])),
  );
  if (marker !== undefined) search.set('marker', marker);
  return search.size > 0 ? `${url}?${search}` : url;
}
