/** The os-server-groups resource: servers that shall stand together, or apart. */

import * as z from 'zod';
import type { GroupPolicy, GroupRules, ServerGroup } from '../../../../compute/server-groups/server-groups.ts';
import {
  createServerGroup,
  deleteServerGroup,
  findServerGroup,
  listServerGroups,
} from '../../../../compute/server-groups/server-groups.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { mostOnPage } from '../servers/list-query.ts';
import { integerFrom, largestInteger, name } from '../shared/parameters.ts';
import { anyText, limit, parameters } from '../shared/query-parameters.ts';

const firm = ['anti-affinity', 'affinity'] as const;
const all = [...firm, 'soft-anti-affinity', 'soft-affinity'] as const;

type NewGroup = Pick<ServerGroup, 'name' | 'policy' | 'rules'>;

function createBody(microversion: Microversion): z.ZodType<NewGroup> {
  return microversion.has('groupRules') ? bodyWithPolicy : bodyWithPolicies(microversion.has('softPolicies') ? all : firm);
}

/** Nova sets no upper bound; no host holds more servers than this. */
const serversPerHost = integerFrom(1).transform((most) => Math.min(most, largestInteger));

const bodyWithPolicy = z
  .strictObject({
    server_group: z.strictObject({
      name,
      policy: z.enum(all),
      rules: z.strictObject({ max_server_per_host: serversPerHost.optional() }).default({}),
    }),
  })
  .transform(({ server_group: { name, policy, rules } }): NewGroup => ({ name, policy, rules: storable(rules) }));

/** The list holds one. */
function bodyWithPolicies(policies: readonly GroupPolicy[]) {
  return z
    .strictObject({ server_group: z.strictObject({ name, policies: z.array(z.enum(policies)).min(1).max(1) }) })
    .transform(({ server_group: { name, policies } }): NewGroup => ({ name, policy: policies[0] ?? 'affinity', rules: {} }));
}

function storable({ max_server_per_host }: { max_server_per_host?: number | undefined }): GroupRules {
  return max_server_per_host === undefined ? {} : { max_server_per_host };
}

function listQuery(microversion: Microversion) {
  return parameters(microversion, { all_projects: anyText, limit, offset: limit });
}

function view({ uuid, name, policy, rules, members, project_id, user_id }: ServerGroup, microversion: Microversion) {
  return {
    id: uuid,
    name,
    members,
    ...(microversion.has('groupRules') ? { policy, rules } : { policies: [policy], metadata: {} }),
    ...(microversion.has('serverGroupOwners') && { project_id, user_id }),
  };
}

async function create({ body, caller, microversion }: ApiRequest<NewGroup>) {
  return { status: 200, body: { server_group: view(await createServerGroup(apiDatabase(), caller, body), microversion) } };
}

async function list({ caller, microversion, query }: ApiRequest<undefined, z.infer<ReturnType<typeof listQuery>>>) {
  const groups = await listServerGroups(apiDatabase(), caller, {
    allProjects: query.all_projects !== undefined,
    offset: Math.min(Number(query.offset?.at(-1) ?? 0), largestInteger),
    // To Nova no servers groups at all are as many as there may be.
    limit: Math.min(Number(query.limit?.at(-1) ?? 0) || mostOnPage, mostOnPage),
  });
  return { status: 200, body: { server_groups: groups.map((group) => view(group, microversion)) } };
}

async function show({ caller, microversion, params }: ApiRequest) {
  return { status: 200, body: { server_group: view(await findServerGroup(apiDatabase(), caller, params.id ?? ''), microversion) } };
}

async function remove({ caller, params }: ApiRequest) {
  await deleteServerGroup(apiDatabase(), caller, params.id ?? '');
  return { status: 204 };
}

/** The routes of the os-server-groups resource. */
export const serverGroupRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/os-server-groups',
    policy: 'os_compute_api:os-server-groups:create',
    toOthers: 'own',
    body: createBody,
    handle: create,
  }),
  route({
    method: 'GET',
    path: '/os-server-groups',
    policy: 'os_compute_api:os-server-groups:index',
    toOthers: 'own',
    query: listQuery,
    handle: list,
  }),
  route({
    method: 'GET',
    path: '/os-server-groups/{id}',
    policy: 'os_compute_api:os-server-groups:show',
    toOthers: 'forbidden',
    handle: show,
  }),
  route({
    method: 'DELETE',
    path: '/os-server-groups/{id}',
    policy: 'os_compute_api:os-server-groups:delete',
    toOthers: 'forbidden',
    handle: remove,
  }),
];
