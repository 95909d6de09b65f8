/** The os-instance-actions resource: what was done to a server. */

import { createHash } from 'node:crypto';
import * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import { allows } from '../../../../common/policy.ts';
import {
  type ActionFilter,
  type ActionsOf,
  findInstanceAction,
  type InstanceAction,
  type InstanceActionEvent,
  listInstanceActions,
} from '../../../../compute/instance-actions/instance-actions.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import { isoTime } from '../../http/validation/iso-time.ts';
import type { Microversion } from '../microversions.ts';
import { mostOnPage } from '../servers/list-query.ts';
import { nextLink } from '../shared/links.ts';
import { limit, one, time } from '../shared/query-parameters.ts';
import { microseconds } from '../shared/times.ts';

/** Paging and times came with 2.58, and with them the refusal of everything else. */
function listQuery(microversion: Microversion) {
  if (!microversion.has('actionPages')) return z.object({}).transform((): ActionQuery => ({}));
  return z.strictObject({
    limit: one(limit),
    marker: one(z.array(z.string()).optional()),
    'changes-since': one(time),
    ...(microversion.has('changesBefore') ? { 'changes-before': one(time) } : {}),
  });
}

type ActionQuery = Readonly<Partial<Record<'limit' | 'marker' | 'changes-since' | 'changes-before', string[]>>>;

/** Those of deleted servers are shown since 2.21. */
function actionsOf({ caller, microversion, params }: Pick<ApiRequest, 'caller' | 'microversion' | 'params'>): ActionsOf {
  return { caller, server: params.id ?? '', deleted: microversion.has('actionsOfDeleted') };
}

function readQuery(query: ActionQuery): ActionFilter {
  const [since = null, before = null] = [query['changes-since'], query['changes-before']].map((values) => isoTime(values?.[0] ?? ''));
  if (since !== null && before !== null && since > before) {
    throw new BadRequest('The value of changes-since must be less than or equal to changes-before.');
  }
  const asked = Number(query.limit?.[0] ?? mostOnPage);
  return { since, before, marker: query.marker?.[0] ?? null, limit: Math.min(asked, mostOnPage) };
}

function actionView({ updated_at, start_time, ...action }: InstanceAction, microversion: Microversion) {
  return {
    ...action,
    start_time: microseconds(start_time),
    ...(microversion.has('actionPages') ? { updated_at: updated_at === null ? null : microseconds(updated_at) } : {}),
  };
}

function eventView(event: InstanceActionEvent, project: string, admin: boolean, microversion: Microversion) {
  const { start_time, finish_time, result, traceback, host, details } = event;
  return {
    event: event.event,
    start_time: microseconds(start_time),
    finish_time: finish_time === null ? null : microseconds(finish_time),
    result,
    ...(admin ? { traceback } : {}),
    ...(microversion.has('eventHosts') ? { hostId: host ? createHash('sha224').update(`${project}${host}`).digest('hex') : '' } : {}),
    ...(microversion.has('eventHosts') && admin ? { host } : {}),
    ...(microversion.has('eventDetails') && admin ? { details } : {}),
  };
}

async function list(request: ApiRequest<undefined, ActionQuery>) {
  const { baseUrl, microversion, params, query } = request;
  const filter = readQuery(query);
  const actions = await listInstanceActions(apiDatabase(), actionsOf(request), filter);
  const marker = microversion.has('actionPages') && actions.length === filter.limit ? (actions.at(-1)?.request_id ?? null) : null;
  return {
    status: 200,
    body: {
      instanceActions: actions.map((action) => actionView(action, microversion)),
      ...nextLink(baseUrl, `/servers/${params.id}/os-instance-actions`, 'links', query, marker),
    },
  };
}

async function show(request: ApiRequest) {
  const { caller, microversion, params } = request;
  const { action, events, projectId } = await findInstanceAction(apiDatabase(), actionsOf(request), params.request ?? '');
  const admin = allows(caller, 'os_compute_api:os-instance-actions:events');
  const shown =
    admin || microversion.has('eventsForOwners')
      ? { events: events.map((event) => eventView(event, action.project_id ?? projectId, admin, microversion)) }
      : {};
  return { status: 200, body: { instanceAction: { ...actionView(action, microversion), ...shown } } };
}

/** The routes of the os-instance-actions resource. */
export const instanceActionRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/servers/{id}/os-instance-actions',
    policy: 'os_compute_api:os-instance-actions:list',
    toOthers: 'hidden',
    query: listQuery,
    handle: list,
  }),
  route({
    method: 'GET',
    path: '/servers/{id}/os-instance-actions/{request}',
    policy: 'os_compute_api:os-instance-actions:show',
    toOthers: 'hidden',
    handle: show,
  }),
];
