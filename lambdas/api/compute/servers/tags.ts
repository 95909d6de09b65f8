/** Tags of a server: all of them, and one by its name. */
import * as z from 'zod';
import { addTag, deleteTag, deleteTags, mostTags, replaceTags } from '../../../../compute/servers/tags.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { pythonText } from '../../http/validation/python-text.ts';
import { tag } from '../shared/parameters.ts';
import { changeOf } from './change-of.ts';

const allBody = z.strictObject({ tags: z.array(tag).max(mostTags) });

/** What is wrong with a tag that a path names, if something is. */
function problemOf(name: string): string | undefined {
  if (tag.safeParse(name).success) return undefined;
  const why = /[,/]/.test(name) ? "does not match '^[^,/]*$'" : 'is too long';
  return `Tag '${name}' is invalid. It must be a non empty string without characters '/' and ','. Validation error message: ${pythonText(name)} ${why}`;
}

const all = { path: '/servers/{id}/tags', toOthers: 'hidden', from: 'serverTags' } as const;
const one = { ...all, path: '/servers/{id}/tags/{item}' } as const;

/** The routes that change tags. */
export const tagRoutes: readonly Route[] = [
  route<z.infer<typeof allBody>>({
    ...{ ...all, method: 'PUT', policy: 'os_compute_api:os-server-tags:update_all', body: () => allBody },
    async handle(request) {
      return { status: 200, body: { tags: await replaceTags(apiDatabase(), changeOf(request), request.body.tags) } };
    },
  }),
  route({
    ...{ ...all, method: 'DELETE', policy: 'os_compute_api:os-server-tags:delete_all' },
    async handle(request) {
      await deleteTags(apiDatabase(), changeOf(request));
      return { status: 204 };
    },
  }),
  route({
    ...{ ...one, method: 'PUT', policy: 'os_compute_api:os-server-tags:update', bodiless: true },
    async handle(request) {
      const { baseUrl, params } = request;
      const { id = '', item = '' } = params;
      const added = await addTag(apiDatabase(), changeOf(request), item, problemOf(item));
      if (!added) return { status: 204 };
      return { status: 201, headers: { Location: `${baseUrl}/v2.1/servers/${id}/tags/${encodeURIComponent(item)}` } };
    },
  }),
  route({
    ...{ ...one, method: 'DELETE', policy: 'os_compute_api:os-server-tags:delete' },
    async handle(request) {
      await deleteTag(apiDatabase(), changeOf(request), request.params.item ?? '');
      return { status: 204 };
    },
  }),
];
