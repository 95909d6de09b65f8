/** The version documents of the Image API. The root names the choices, so it answers 300; asked for by name the list is 200. */
import { publicRoute, type Route } from '../../http/routing/route.ts';

/** `GET /image` and `/image/versions`. */
export const versionRoutes: readonly Route[] = [
  publicRoute({ method: 'GET', path: '/', handle: async ({ baseUrl }) => ({ status: 300, body: { versions: versions(baseUrl) } }) }),
  publicRoute({
    method: 'GET',
    path: '/versions',
    handle: async ({ baseUrl }) => ({ status: 200, body: { versions: versions(baseUrl) } }),
  }),
];

function versions(baseUrl: string): object[] {
  const links = [{ rel: 'self', href: `${baseUrl}/image/v2/` }];
  return [
    { id: 'v2.2', status: 'CURRENT', links },
    { id: 'v2.1', status: 'SUPPORTED', links },
    { id: 'v2.0', status: 'SUPPORTED', links },
  ];
}
