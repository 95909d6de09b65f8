/** The version documents of the Compute API: how clients find out what they may ask, before they have a token. */
import { publicRoute, type Route } from '../../http/routing/route.ts';
import { latest, oldest } from '../microversions.ts';

interface Version {
  id: string;
  status: string;
  version: string;
  min_version: string;
  updated: string;
  /** Where it is, below the base URL. */
  path: string;
}

const legacy: Version = { id: 'v2.0', status: 'DEPRECATED', version: '', min_version: '', updated: '2025-07-04T12:00:00Z', path: '/v2/' };

const current: Version = {
  id: 'v2.1',
  status: 'CURRENT',
  version: String(latest),
  min_version: String(oldest),
  updated: '2013-07-23T11:33:21Z',
  path: '/v2.1/',
};

/** `GET /`, `/v2.1` and `/v2`, public as Nova's. */
export const versionRoutes: readonly Route[] = [
  publicRoute({
    method: 'GET',
    path: '/',
    handle: async ({ baseUrl }) => ({ status: 200, body: { versions: [summary(legacy, baseUrl), summary(current, baseUrl)] } }),
  }),
  publicRoute({
    method: 'GET',
    path: '/v2',
    handle: async ({ baseUrl }) => ({ status: 200, body: { version: detail(legacy, baseUrl) } }),
  }),
  publicRoute({
    method: 'GET',
    path: '/v2.1',
    handle: async ({ baseUrl }) => ({ status: 200, body: { version: detail(current, baseUrl) } }),
  }),
];

function summary({ path, ...version }: Version, baseUrl: string): object {
  return { ...version, links: [{ rel: 'self', href: `${baseUrl}${path}` }] };
}

function detail({ path, ...version }: Version, baseUrl: string): object {
  const mediaVersion = version.id === 'v2.1' ? '2.1' : '2';
  return {
    ...version,
    'media-types': [{ base: 'application/json', type: `application/vnd.openstack.compute+json;version=${mediaVersion}` }],
    links: [
      { rel: 'self', href: `${baseUrl}${path}` },
      { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' },
    ],
  };
}
