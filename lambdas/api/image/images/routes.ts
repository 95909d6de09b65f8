/** Images: read only here, operators add them. */
import { BadRequest, NotFound } from '../../../../common/errors.ts';
import type { Caller } from '../../../../compute/authorization/policy.ts';
import { findImage, type Image, type ImageViewer, listImages } from '../../../../database/api/images.ts';
import { apiDatabase } from '../../../shared/api-database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { isAdmin } from '../../http/tokens/is-admin.ts';
import { listingSchema, toListing } from './list-query.ts';
import { imageView } from './view.ts';

export const imageRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v2/images',
    policy: 'authenticated',
    query: () => listingSchema,
    async handle({ caller, query }) {
      const listing = toListing(query);
      const viewer = viewerOf(caller);
      if (listing.marker !== undefined && !(await findImage(apiDatabase(), listing.marker, viewer))) {
        throw new BadRequest('Invalid marker. Image could not be found.');
      }
      // Clients ask for hidden images when a name is unknown; none is hidden here.
      const images = query.os_hidden?.toLowerCase() === 'true' ? [] : await listImages(apiDatabase(), listing, viewer);
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
    policy: 'authenticated',
    async handle({ caller, params: { id = '' } }) {
      const image = await findImage(apiDatabase(), id, viewerOf(caller));
      if (!image) throw new NotFound(`No image found with ID ${id}`);
      return { status: 200, body: imageView(image) };
    },
  }),
];

function viewerOf(caller: Caller): ImageViewer {
  return { projectId: caller.projectId, isAdmin: isAdmin(caller) };
}

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
