/** Images: read only here, operators add them. */
import { findImage, type Image, listImages } from '../../../../image/images.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { listingSchema, toListing } from './list-query.ts';
import { imageView } from './view.ts';

export const imageRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v2/images',
    policy: 'get_images',
    toOthers: 'own',
    query: () => listingSchema,
    async handle({ caller, query }) {
      const listing = toListing(query);
      // Clients ask for hidden images when a name is unknown; none is hidden here.
      const images = query.os_hidden?.toLowerCase() === 'true' ? [] : await listImages(apiDatabase(), caller, listing);
      return {
        status: 200,
        body: {
          images: images.map(imageView),
          first: pageUrl(query),
          ...nextPage(query, images, listing.limit),
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
];

type Values = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** A full page may have a next one; its link repeats the query. */
function nextPage(query: Values, images: readonly Image[], limit: number): { next?: string } {
  const last = images.at(-1);
  return last && images.length === limit ? { next: pageUrl(query, last.id) } : {};
}

function pageUrl(query: Values, marker?: string): string {
  const parameters = new URLSearchParams();
  for (const [name, values] of Object.entries({ ...query, marker })) {
    for (const value of Array.isArray(values) ? values : [values]) if (value !== undefined) parameters.append(name, String(value));
  }
  return `/v2/images${parameters.size > 0 ? `?${parameters}` : ''}`;
}
