/** Images: operators add them, and actions of servers; here they are read and deleted. */
import { deleteOwnImage, findImage, type Image, listImages } from '../../../../image/images.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import type { QueryParameters } from '../../http/validation/query.ts';
import { anyParameters } from '../../http/validation/query-schemas.ts';
import { toListing } from './list-query.ts';
import { imageView } from './view.ts';

export const imageRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v2/images',
    policy: 'get_images',
    toOthers: 'own',
    query: () => anyParameters,
    async handle({ caller, query }) {
      const listing = toListing(query);
      const images = listing ? await listImages(apiDatabase(), caller, listing) : [];
      return {
        status: 200,
        body: {
          images: images.map(imageView),
          first: pageUrl(query),
          ...(listing && nextPage(query, images, listing.limit)),
          schema: '/v2/schemas/images',
        },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/v2/images/{id}',
    policy: 'get_image',
    toOthers: 'hidden',
    async handle({ caller, params: { id = '' } }) {
      return { status: 200, body: imageView(await findImage(apiDatabase(), caller, id)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v2/images/{id}/tasks',
    policy: 'get_image',
    toOthers: 'hidden',
    async handle({ caller, params: { id = '' } }) {
      await findImage(apiDatabase(), caller, id);
      // Tasks are imports, and nothing is imported.
      return { status: 200, body: { tasks: [] } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2/images/{id}',
    policy: 'delete_image',
    toOthers: 'hidden',
    async handle({ caller, params: { id = '' } }) {
      await deleteOwnImage(apiDatabase(), caller, id);
      return { status: 204 };
    },
  }),
];

/** A full page may have a next one; its link repeats the query. */
function nextPage(query: QueryParameters, images: readonly Image[], limit: number): { next?: string } {
  const last = images.at(-1);
  return last && images.length === limit ? { next: pageUrl(query, last.id) } : {};
}

function pageUrl({ marker: _, ...query }: QueryParameters, marker?: string): string {
  const pairs = Object.entries(query).flatMap(([name, values]) => values.map((value): [string, string] => [name, value]));
  const parameters = new URLSearchParams(pairs);
  if (marker !== undefined) parameters.set('marker', marker);
  return `/v2/images${parameters.size > 0 ? `?${parameters}` : ''}`;
}
