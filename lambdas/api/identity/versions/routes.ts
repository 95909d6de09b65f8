/** The version documents of the Identity API. */
import { publicRoute, type Route } from '../../http/routing/route.ts';

/** `GET /identity` with all versions, `GET /identity/v3` with the one. */
export const versionRoutes: readonly Route[] = [
  publicRoute({
    method: 'GET',
    path: '/',
    handle: async ({ baseUrl }) => ({ status: 300, body: { versions: { values: [version(baseUrl)] } } }),
  }),
  publicRoute({
    method: 'GET',
    path: '/v3',
    handle: async ({ baseUrl }) => ({ status: 200, body: { version: version(baseUrl) } }),
  }),
];

function version(baseUrl: string): object {
  return {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
    links: [{ rel: 'self', href: `${baseUrl}/identity/v3/` }],
  };
}
