/** The os-instance-actions resource: what was done to a server. */
import { createHash } from 'node:crypto';
import { NotFound } from '../../../compute/errors.ts';
import { allows, type Caller } from '../../../compute/policy.ts';
import { findMapping } from '../../../compute/servers/find-server.ts';
import { type InstanceAction, type InstanceActionEvent, listInstanceActions } from '../../../database/cell/instance-actions.ts';
import { parseDatabaseUrl } from '../../../database/data-api.ts';
import { apiDatabase } from '../../api-database.ts';
import { type ApiRequest, type Route, route } from '../http/route.ts';

/** A server without a cell has no actions yet. */
async function actionsOf(caller: Caller, uuid: string): Promise<InstanceAction[]> {
  const { cell } = await findMapping(apiDatabase(), caller, uuid);
  return cell ? listInstanceActions(parseDatabaseUrl(cell.connection), uuid) : [];
}

function actionView({ events: _, updated_at, start_time, ...action }: InstanceAction, microversion: number) {
  return {
    ...action,
    start_time: naive(start_time),
    ...(microversion >= 58 ? { updated_at: updated_at === null ? null : naive(updated_at) } : {}),
  };
}

function eventView(event: InstanceActionEvent, project: string, admin: boolean, microversion: number) {
  const { start_time, finish_time, result, traceback, host, details } = event;
  return {
    event: event.event,
    start_time: naive(start_time),
    finish_time: finish_time === null ? null : naive(finish_time),
    result,
    ...(admin ? { traceback } : {}),
    ...(microversion >= 62 ? { hostId: host ? createHash('sha224').update(`${project}${host}`).digest('hex') : '' } : {}),
    ...(microversion >= 62 && admin ? { host } : {}),
    ...(microversion >= 84 && admin ? { details } : {}),
  };
}

/** Nova's times of actions carry microseconds and no zone; they are UTC. */
function naive(timestamp: string): string {
  return `${new Date(timestamp).toISOString().slice(0, 23)}000`;
}

async function list({ caller, microversion, params }: ApiRequest) {
  const actions = await actionsOf(caller, params.id ?? '');
  return { status: 200, body: { instanceActions: actions.map((action) => actionView(action, microversion)) } };
}

async function show({ caller, microversion, params }: ApiRequest) {
  const actions = await actionsOf(caller, params.id ?? '');
  const action = actions.find(({ request_id }) => request_id === params.request);
  if (!action) throw new NotFound(`Action for request_id ${params.request} on instance ${params.id} not found`);
  const admin = allows(caller, 'os_compute_api:os-instance-actions:events');
  const events =
    admin || microversion >= 51 ? { events: action.events.map((event) => eventView(event, action.project_id, admin, microversion)) } : {};
  return { status: 200, body: { instanceAction: { ...actionView(action, microversion), ...events } } };
}

/** The routes of the os-instance-actions resource. */
export const instanceActionRoutes: readonly Route[] = [
  route({ method: 'GET', path: '/servers/{id}/os-instance-actions', policy: 'os_compute_api:os-instance-actions:list', handle: list }),
  route({
    method: 'GET',
    path: '/servers/{id}/os-instance-actions/{request}',
    policy: 'os_compute_api:os-instance-actions:show',
    handle: show,
  }),
];
