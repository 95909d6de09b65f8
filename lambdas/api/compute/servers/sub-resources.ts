/**
 * What Nova has below a server. What a server can be said to have is read from it: a cloud without networks, volumes, shares and migrations has Nova's
 * empty lists, and Nova's 404 of each item. What would change one of these, and what changes metadata and tags, has a file of its own.
 */
import { NotFound } from '../../../../common/errors.ts';
import type { Rule } from '../../../../common/policy.ts';
import type { WholeServer } from '../../../../compute/servers/find-server.ts';
import { gone } from '../../http/pipeline/http-error.ts';
import { actionRoute } from '../../http/routing/action-route.ts';
import { refusingRoute } from '../../http/routing/refusing-route.ts';
import { type Method, type Route, type RouteDefinition, route } from '../../http/routing/route.ts';
import { refuseRemoteConsole, remoteConsoleBody } from './consoles.ts';
import { showDiagnostics } from './diagnostics.ts';
import { findWholeServer } from './find.ts';
import { refusingServerRoute } from './refusing-server-route.ts';

type Options = Partial<Pick<RouteDefinition<undefined, undefined>, 'from' | 'method' | 'toOthers' | 'refusal'>>;

/** What is read from a server. `view` gets the server and the item that the path names; it returns no body for an answer without one. */
function read(path: string, policy: Rule, view: (server: WholeServer, item: string) => object | undefined, options: Options = {}): Route {
  return route({
    ...{ method: 'GET', path: `/servers/{id}/${path}`, policy, toOthers: 'hidden', ...options },
    async handle(request) {
      const body = view(await findWholeServer(request), request.params.item ?? '');
      return body ? { status: 200, body } : { status: 204 };
    },
  });
}

/** What Nova itself has taken away. */
function removed(method: Method, path: string): Route {
  return refusingRoute({ method, path: `/servers/{id}/${path}`, policy: '@', toOthers: 'shared', refusal: 410 }, gone);
}

/** An item of a kind that no server has. */
function none(method: Method, path: string, policy: Rule, sentence: (uuid: string, item: string) => string, options: Options = {}): Route {
  return refusingServerRoute(
    { method, path: `/servers/{id}/${path}`, policy, refusal: 404, ...options },
    ({ mapping }, { params }) => new NotFound(sentence(mapping.uuid, params.item ?? '')),
  );
}

const noMigration = (uuid: string, item: string) => `Migration ${item} not found for instance ${uuid}`;

function metadataItem({ instance }: WholeServer, key: string): object {
  const value = new Map(Object.entries(instance.metadata)).get(key);
  if (value === undefined) throw new NotFound('Metadata item was not found');
  return { meta: { [key]: value } };
}

function hasTag({ instance }: WholeServer, tag: string): undefined {
  if (!instance.tags.includes(tag)) throw new NotFound(`Server ${instance.uuid} has no tag '${tag}'`);
}

const tags = { from: 'serverTags' } as const;

const forceComplete = none('POST', 'migrations/{item}/action', 'os_compute_api:servers:migrations:force_complete', noMigration, {
  ...{ from: 'forceComplete', toOthers: 'forbidden' },
});
const ofAdmins = { toOthers: 'forbidden' } as const;

/** The routes below `/servers/{id}`. */
export const serverSubResourceRoutes: readonly Route[] = [
  read('metadata', 'os_compute_api:server-metadata:index', ({ instance: { metadata } }) => ({ metadata })),
  read('metadata/{item}', 'os_compute_api:server-metadata:show', metadataItem),

  read('tags', 'os_compute_api:os-server-tags:index', ({ instance }) => ({ tags: instance.tags }), tags),
  read('tags/{item}', 'os_compute_api:os-server-tags:show', hasTag, tags),

  read('ips', 'os_compute_api:ips:index', () => ({ addresses: {} })),
  none('GET', 'ips/{item}', 'os_compute_api:ips:show', () => 'Instance is not a member of specified network'),
  read('os-security-groups', 'os_compute_api:os-security-groups:list', () => ({ security_groups: [] })),
  read('os-interface', 'os_compute_api:os-attach-interfaces:list', () => ({ interfaceAttachments: [] })),
  none('GET', 'os-interface/{item}', 'os_compute_api:os-attach-interfaces:show', (_, item) => `Port id ${item} could not be found.`),

  read('migrations', 'os_compute_api:servers:migrations:index', () => ({ migrations: [] }), { from: 'liveMigrations', ...ofAdmins }),
  none(
    ...(['GET', 'migrations/{item}', 'os_compute_api:servers:migrations:show'] as const),
    (uuid, item) => `In-progress live migration ${item} is not found for server ${uuid}.`,
    { from: 'liveMigrations', ...ofAdmins },
  ),
  none('DELETE', 'migrations/{item}', 'os_compute_api:servers:migrations:delete', noMigration, {
    from: 'liveMigrationAborts',
    ...ofAdmins,
  }),
  actionRoute('/servers/{id}/migrations/{item}/action', 'forbidden', new Map([['force_complete', forceComplete]])),

  // A guest posts its password; none does, so there is none to show and none to clear.
  read('os-server-password', 'os_compute_api:os-server-password:show', () => ({ password: '' })),
  read('os-server-password', 'os_compute_api:os-server-password:clear', () => undefined, { method: 'DELETE' }),
  route({
    ...{ method: 'POST', path: '/servers/{id}/remote-consoles', policy: 'os_compute_api:os-remote-consoles', from: 'remoteConsoles' },
    ...{ toOthers: 'hidden', refusal: 400, body: remoteConsoleBody, handle: refuseRemoteConsole },
  }),
  route({
    ...{ method: 'GET', path: '/servers/{id}/diagnostics', policy: 'os_compute_api:os-server-diagnostics', ...ofAdmins },
    handle: showDiagnostics,
  }),
  // No host of a server has NUMA nodes to show.
  read('topology', 'compute:server:topology:index', () => ({ nodes: [], pagesize_kb: null }), { from: 'topology' }),

  removed('GET', 'consoles'),
  removed('POST', 'consoles'),
  removed('GET', 'consoles/{item}'),
  removed('DELETE', 'consoles/{item}'),
  removed('GET', 'os-virtual-interfaces'),
];
