/** Metadata of a server: all of them, and one by its key. */
import * as z from 'zod';
import { deleteMetadataItem, updateMetadata, updateMetadataItem } from '../../../../compute/servers/metadata.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { pythonText } from '../../http/validation/python-text.ts';
import { metadata } from '../shared/parameters.ts';
import { changeOf } from './change-of.ts';

const allBody = z.strictObject({ metadata });

const itemBody = z.strictObject({
  meta: metadata.check(({ value, issues }) => {
    const count = Object.keys(value).length;
    if (count === 1) return;
    const message = `${pythonText(value)} ${count === 0 ? 'should be non-empty' : 'has too many properties'}`;
    issues.push({ code: 'custom', input: value, message });
  }),
});

/** A route that sets all metadata, or adds to them. */
function update(method: 'POST' | 'PUT', how: 'replace' | 'add', policy: 'create' | 'update_all'): Route {
  return route<z.infer<typeof allBody>>({
    ...{ method, path: '/servers/{id}/metadata', policy: `os_compute_api:server-metadata:${policy}`, toOthers: 'hidden' },
    body: () => allBody,
    async handle(request) {
      const left = await updateMetadata(apiDatabase(), changeOf(request), how, request.body.metadata);
      return { status: 200, body: { metadata: left } };
    },
  });
}

/** The routes that change metadata. */
export const metadataRoutes: readonly Route[] = [
  update('POST', 'add', 'create'),
  update('PUT', 'replace', 'update_all'),
  route<z.infer<typeof itemBody>>({
    ...{ method: 'PUT', path: '/servers/{id}/metadata/{item}', policy: 'os_compute_api:server-metadata:update', toOthers: 'hidden' },
    body: () => itemBody,
    async handle(request) {
      const { meta } = request.body;
      await updateMetadataItem(apiDatabase(), changeOf(request), request.params.item ?? '', meta);
      return { status: 200, body: { meta } };
    },
  }),
  route({
    ...{ method: 'DELETE', path: '/servers/{id}/metadata/{item}', policy: 'os_compute_api:server-metadata:delete', toOthers: 'hidden' },
    async handle(request) {
      await deleteMetadataItem(apiDatabase(), changeOf(request), request.params.item ?? '');
      return { status: 204 };
    },
  }),
];
