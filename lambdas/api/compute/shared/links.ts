/** Links to things of the API, as Nova's bodies carry them. */

/** A link with the version in its path. */
export function selfLink(baseUrl: string, collection: string, id: string) {
  return { rel: 'self', href: `${baseUrl}/v2.1/${collection}/${id}` };
}

/** A link that outlives versions. */
export function bookmark(baseUrl: string, collection: string, id: string) {
  return { rel: 'bookmark', href: `${baseUrl}/${collection}/${id}` };
}

/** Both links of a thing. */
export function selfLinks(baseUrl: string, collection: string, id: string) {
  return [selfLink(baseUrl, collection, id), bookmark(baseUrl, collection, id)];
}

/**
 * The link to the next page of a listing: the request's own parameters with another marker.
 * @param marker null when there is no next page, and so no link.
 */
export function nextLink(
  baseUrl: string,
  path: string,
  name: 'servers_links' | 'flavors_links' | 'keypairs_links' | 'migrations_links' | 'links',
  parameters: Readonly<Record<string, string[] | undefined>>,
  marker: string | null,
) {
  if (marker === null) return {};
  const pairs = Object.entries(parameters).flatMap(([key, values = []]) => values.map((value): [string, string] => [key, value]));
  const search = new URLSearchParams(pairs.filter(([key]) => key !== 'marker'));
  search.sort();
  search.set('marker', marker);
  return { [name]: [{ rel: 'next', href: `${baseUrl}/v2.1${path}?${search}` }] };
}
