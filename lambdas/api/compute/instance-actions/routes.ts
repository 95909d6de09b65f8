/** The os-instance-actions resource: what was done to a server. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { BadRequest, NotFound } from '../../../../common/errors.ts';
import { allows, type Caller } from '../../../../compute/authorization/policy.ts';
import { inCell } from '../../../../compute/cells/reach.ts';
import { findMapping, serverNotFound } from '../../../../compute/servers/find-server.ts';
import { findAnyInstanceMapping, findInstanceMapping } from '../../../../database/api/servers/instance-mappings.ts';
import {
  type ActionFilter,
  findInstanceAction,
  type InstanceAction,
  type InstanceActionEvent,
  listInstanceActions,
} from '../../../../database/cell/instance-actions.ts';
import { apiDatabase } from '../../../shared/api-database.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import { mostOnPage } from '../servers/list-query.ts';
import { nextLink } from '../shared/links.ts';
import { isoTime, limit, time } from '../shared/query-parameters.ts';
import { microseconds } from '../shared/times.ts';

function one<Schema extends z.ZodOptional<z.ZodArray>>(schema: Schema) {
  return schema.refine((values) => !values || values.length <= 1, 'has more than one value');
}

/** Paging and times came with 2.58, and with them the refusal of everything else. */
function listQuery(microversion: number) {
  if (microversion < 58) return z.object({}).transform((): ActionQuery => ({}));
  return z.strictObject({
    limit: one(limit),
    marker: one(z.array(z.string()).optional()),
    'changes-since': one(time),
    ...(microversion >= 66 ? { 'changes-before': one(time) } : {}),
  });
}

type ActionQuery = Readonly<Partial<Record<'limit' | 'marker' | 'changes-since' | 'changes-before', string[]>>>;

/** Gives the URL of the cell's database; a server that has no cell has no actions yet. Those of deleted servers are shown since 2.21. */
async function cellOf(caller: Caller, uuid: string, microversion: number): Promise<string | undefined> {
  const { cell, queuedForDelete } = await findMapping(
    apiDatabase(),
    caller,
    uuid,
    microversion >= 21 ? findAnyInstanceMapping : findInstanceMapping,
  );
  if (!cell && queuedForDelete) throw serverNotFound(uuid);
  return cell?.database_connection;
}

function readQuery(query: ActionQuery): ActionFilter {
  const [since = null, before = null] = [query['changes-since'], query['changes-before']].map((values) => isoTime(values?.[0] ?? ''));
  if (since !== null && before !== null && since > before) {
    throw new BadRequest('The value of changes-since must be less than or equal to changes-before.');
  }
  const asked = Number(query.limit?.[0] ?? mostOnPage);
  return { since, before, marker: query.marker?.[0] ?? null, limit: Math.min(asked, mostOnPage) };
}

function actionView({ updated_at, start_time, ...action }: InstanceAction, microversion: number) {
  return {
    ...action,
    start_time: microseconds(start_time),
    ...(microversion >= 58 ? { updated_at: updated_at === null ? null : microseconds(updated_at) } : {}),
  };
}

function eventView(event: InstanceActionEvent, project: string, admin: boolean, microversion: number) {
  const { start_time, finish_time, result, traceback, host, details } = event;
  return {
    event: event.event,
    start_time: microseconds(start_time),
    finish_time: finish_time === null ? null : microseconds(finish_time),
    result,
    ...(admin ? { traceback } : {}),
    ...(microversion >= 62 ? { hostId: host ? createHash('sha224').update(`${project}${host}`).digest('hex') : '' } : {}),
    ...(microversion >= 62 && admin ? { host } : {}),
    ...(microversion >= 84 && admin ? { details } : {}),
  };
}

async function list({ baseUrl, caller, microversion, params, query }: ApiRequest<undefined, ActionQuery>) {
  const id = params.id ?? '';
  const filter = readQuery(query);
  const cell = await cellOf(caller, id, microversion);
  const asked = filter.limit > 0 ? cell : undefined;
  const actions = asked ? await inCell(asked, 'reading', (database) => listInstanceActions(database, id, filter)) : [];
  if (!actions) throw new BadRequest(`Marker ${filter.marker} could not be found.`);
  const marker = microversion >= 58 && actions.length === filter.limit ? (actions.at(-1)?.request_id ?? null) : null;
  return {
    status: 200,
    body: {
      instanceActions: actions.map((action) => actionView(action, microversion)),
      ...nextLink(baseUrl, `/servers/${id}/os-instance-actions`, 'links', query, marker),
    },
  };
}

async function show({ caller, microversion, params }: ApiRequest) {
  const { id = '', request = '' } = params;
  const cell = await cellOf(caller, id, microversion);
  const found = cell && (await inCell(cell, 'reading', (database) => findInstanceAction(database, id, request)));
  if (!found) throw new NotFound(`Action ${request} not found`);
  const { action, events } = found;
  const admin = allows(caller, 'os_compute_api:os-instance-actions:events');
  const shown =
    admin || microversion >= 51 ? { events: events.map((event) => eventView(event, action.project_id, admin, microversion)) } : {};
  return { status: 200, body: { instanceAction: { ...actionView(action, microversion), ...shown } } };
}

/** The routes of the os-instance-actions resource. */
export const instanceActionRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/servers/{id}/os-instance-actions',
    policy: 'os_compute_api:os-instance-actions:list',
    query: listQuery,
    handle: list,
  }),
  route({
    method: 'GET',
    path: '/servers/{id}/os-instance-actions/{request}',
    policy: 'os_compute_api:os-instance-actions:show',
    handle: show,
  }),
];
