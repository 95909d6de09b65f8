/** The os-quota-sets resource: what a project may use; and os-quota-class-sets: what projects may use that have no limits of their own. */

import type * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import { changeQuotaSet, findQuotaSet, type QuotaLimits, quotaDefaults, resetQuotaSet } from '../../../../compute/quotas/quotas.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { anyText, parameters } from '../shared/query-parameters.ts';
import { type QuotaChange, quotaBody, shownQuotas } from './body.ts';

function userQuery(microversion: Microversion) {
  return parameters(microversion, { user_id: anyText });
}
type UserQuery = z.infer<ReturnType<typeof userQuery>>;

function limitsView(limits: QuotaLimits, microversion: Microversion) {
  return Object.fromEntries(shownQuotas(microversion).map((name) => [name, limits[name]]));
}

/** Users have the limits of their project. */
async function show({ caller, microversion, params: { id = '' } }: ApiRequest<undefined, UserQuery>) {
  const { limits } = await findQuotaSet(apiDatabase(), caller, 'os_compute_api:os-quota-sets:show', id);
  return { status: 200, body: { quota_set: { id, ...limitsView(limits, microversion) } } };
}

/** Key pairs and group members are counted by user and by group, so a project uses none of them. */
async function detail({ caller, microversion, params: { id = '' } }: ApiRequest<undefined, UserQuery>) {
  const { limits, used } = await findQuotaSet(apiDatabase(), caller, 'os_compute_api:os-quota-sets:detail', id);
  const inUse: Readonly<Record<string, number>> = used;
  const details = shownQuotas(microversion).map((name) => [name, { limit: limits[name], in_use: inUse[name] ?? 0, reserved: 0 }]);
  return { status: 200, body: { quota_set: { id, ...Object.fromEntries(details) } } };
}

async function defaults({ microversion, params: { id = '' } }: ApiRequest) {
  return { status: 200, body: { quota_set: { id, ...limitsView(quotaDefaults, microversion) } } };
}

async function update({ body, caller, microversion, params, query }: ApiRequest<QuotaChange, UserQuery>) {
  if (query.user_id) throw new BadRequest('Limits of a single user are not supported, only those of the project.');
  const limits = await changeQuotaSet(apiDatabase(), caller, params.id ?? '', body.limits, body.force);
  return { status: 200, body: { quota_set: limitsView(limits, microversion) } };
}

/** A single user has no limits that could be taken away. */
async function reset({ params, query }: ApiRequest<undefined, UserQuery>) {
  if (!query.user_id) await resetQuotaSet(apiDatabase(), params.id ?? '');
  return { status: 202 };
}

/** There is one class, under whatever name: the limits of this service. */
async function showClass({ microversion, params: { id = '' } }: ApiRequest) {
  const withGroups = microversion.has('completeQuotaClasses');
  const names = shownQuotas(microversion, 'completeQuotaClasses').filter((name) => withGroups || !name.startsWith('server_group'));
  return { status: 200, body: { quota_class_set: { id, ...Object.fromEntries(names.map((name) => [name, quotaDefaults[name]])) } } };
}

/** The routes of the os-quota-sets and os-quota-class-sets resources. */
export const quotaSetRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/os-quota-sets/{id}',
    policy: 'os_compute_api:os-quota-sets:show',
    toOthers: 'forbidden',
    query: userQuery,
    handle: show,
  }),
  route({
    method: 'GET',
    path: '/os-quota-sets/{id}/detail',
    policy: 'os_compute_api:os-quota-sets:detail',
    toOthers: 'forbidden',
    query: userQuery,
    handle: detail,
  }),
  route({
    method: 'GET',
    path: '/os-quota-sets/{id}/defaults',
    policy: 'os_compute_api:os-quota-sets:defaults',
    toOthers: 'shared',
    handle: defaults,
  }),
  route({
    method: 'PUT',
    path: '/os-quota-sets/{id}',
    policy: 'os_compute_api:os-quota-sets:update',
    toOthers: 'forbidden',
    query: userQuery,
    body: quotaBody,
    handle: update,
  }),
  route({
    method: 'DELETE',
    path: '/os-quota-sets/{id}',
    policy: 'os_compute_api:os-quota-sets:delete',
    toOthers: 'forbidden',
    query: userQuery,
    handle: reset,
  }),
  route({
    method: 'GET',
    path: '/os-quota-class-sets/{id}',
    policy: 'os_compute_api:os-quota-class-sets:show',
    toOthers: 'shared',
    handle: showClass,
  }),
];
