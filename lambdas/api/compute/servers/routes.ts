/** The servers resource: create, list, show, delete; its actions and what is below a server have files of their own. */
import { randomBytes } from 'node:crypto';
import { createServers } from '../../../../compute/servers/create-servers.ts';
import { listServers } from '../../../../compute/servers/list-servers.ts';
import { showServer } from '../../../../compute/servers/show-server.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { identify, log, measure } from '../../../shared/observation/invocation.ts';
import { sealOf } from '../../../shared/secrets.ts';
import { startBoot } from '../../../workflows/boot/start.ts';
import { scheduleReaper } from '../../../workflows/reaper/schedule.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import { nextLink, selfLinks } from '../shared/links.ts';
import { serverActionRoute } from './actions.ts';
import { consoleTokenRoutes } from './consoles.ts';
import { bootRequest, type CreateBody, createBody } from './create-body.ts';
import { expectWhole } from './find.ts';
import { interfaceRoutes } from './interfaces.ts';
import { isEmpty, readListing } from './list-query.ts';
import { type ServerQuery, serverQuery } from './list-query-schema.ts';
import { metadataRoutes } from './metadata.ts';
import { performDelete } from './perform-action.ts';
import { shareRoutes } from './shares.ts';
import { serverSubResourceRoutes } from './sub-resources.ts';
import { tagRoutes } from './tags.ts';
import { updateServerRoute } from './update.ts';
import { serverDetail, serverSummary } from './view.ts';
import { volumeAttachmentRoutes } from './volume-attachments.ts';

async function create({ caller, requestId, microversion, body, baseUrl }: ApiRequest<CreateBody>) {
  await scheduleReaper();
  const request = bootRequest(body, microversion);
  const adminPass = request.adminPassword ?? randomBytes(9).toString('base64url');
  const seal = sealOf({ admin_password: adminPass, files: request.files });
  const reservation = await createServers(apiDatabase(), caller, requestId, request, seal);
  const { reservationId: execution, servers } = reservation;
  identify({ reservation: execution, servers });
  measure('BootsAccepted', servers.length);
  try {
    await startBoot({ execution, requestId, servers });
  } catch (error) {
    // The servers are accepted, so they are answered; the reaper starts what was not started.
    log().error('the boot was not started', { error });
  }
  const { server } = body;
  if (server.return_reservation_id) return { status: 202, body: { reservation_id: execution } };
  const [id] = servers;
  const links = selfLinks(baseUrl, 'servers', id);
  return {
    status: 202,
    headers: { Location: `${baseUrl}/v2.1/servers/${id}` },
    body: {
      server: {
        id,
        links,
        'OS-DCF:diskConfig': server['OS-DCF:diskConfig'] ?? 'MANUAL',
        security_groups: server.security_groups ?? [{ name: 'default' }],
        adminPass,
      },
    },
  };
}

async function list(request: ApiRequest<undefined, ServerQuery>, kind: 'index' | 'detail') {
  const { caller, microversion, baseUrl, query } = request;
  const listing = readListing(caller, microversion, query, kind);
  const page = isEmpty(listing) ? { servers: [], next: null } : await listServers(apiDatabase(), listing);
  const view = { caller, microversion, baseUrl, single: false };
  const show = kind === 'index' ? serverSummary : serverDetail;
  const path = kind === 'index' ? '/servers' : '/servers/detail';
  return {
    status: 200,
    body: { servers: page.servers.map((server) => show(server, view)), ...nextLink(baseUrl, path, 'servers_links', query, page.next) },
  };
}

async function show(request: ApiRequest) {
  const { caller, microversion, baseUrl, params } = request;
  const server = await showServer(apiDatabase(), caller, params.id ?? '', microversion.has('serverGroups'));
  if (!microversion.has('downCells')) expectWhole(server);
  return { status: 200, body: { server: serverDetail(server, { caller, microversion, baseUrl, single: true }) } };
}

async function remove(request: ApiRequest) {
  await performDelete(request, 'restorable');
  return { status: 204 };
}

/** The routes of the servers resource. */
export const serverRoutes: readonly Route[] = [
  route({ method: 'POST', path: '/servers', policy: 'os_compute_api:servers:create', toOthers: 'own', body: createBody, handle: create }),
  route({
    method: 'GET',
    path: '/servers',
    policy: 'os_compute_api:servers:index',
    toOthers: 'own',
    query: serverQuery,
    handle: (request: ApiRequest<undefined, ServerQuery>) => list(request, 'index'),
  }),
  route({
    method: 'GET',
    path: '/servers/detail',
    policy: 'os_compute_api:servers:detail',
    toOthers: 'own',
    query: serverQuery,
    handle: (request: ApiRequest<undefined, ServerQuery>) => list(request, 'detail'),
  }),
  route({ method: 'GET', path: '/servers/{id}', policy: 'os_compute_api:servers:show', toOthers: 'hidden', handle: show }),
  route({ method: 'DELETE', path: '/servers/{id}', policy: 'os_compute_api:servers:delete', toOthers: 'hidden', handle: remove }),
  updateServerRoute,
  serverActionRoute,
  ...metadataRoutes,
  ...interfaceRoutes,
  ...volumeAttachmentRoutes,
  ...shareRoutes,
  ...tagRoutes,
  ...serverSubResourceRoutes,
  ...consoleTokenRoutes,
];
