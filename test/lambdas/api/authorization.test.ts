/**
 * Who may do what, and to whose resources, for every route of every service. The requests are made from the routes' declarations, so a new route is tested
 * here or fails here.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roles as defaultRoles } from '../../../common/caller.ts';
import { allows, type Rule } from '../../../common/policy.ts';
import { microversions } from '../../../lambdas/api/compute/microversions.ts';
import { type Route, route } from '../../../lambdas/api/http/routing/route.ts';
import { issueToken } from '../../../lambdas/api/http/tokens/issue-token.ts';
import { type Cloud, startCloud, type User } from '../../fixtures/cloud.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { type ApiRequest, bodyOf, nothing, requestOf, resources, send } from './requests.ts';
import { type AnsweringRoute, keyOf, type RoutedService, routedServices, routesOf } from './routes.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 8 });
});
afterAll(() => cloud?.stop());

/** From the least to the most; a role that no policy names comes first. */
const roles = ['auditor', ...defaultRoles.toReversed()];

type Guarded = AnsweringRoute & { policy: Rule };

function isGuarded(route: AnsweringRoute): route is Guarded {
  return route.policy !== 'public';
}

interface Case {
  key: string;
  service: RoutedService;
  route: Guarded;
}

const everyRoute = routedServices.flatMap(routesOf);
const all: Case[] = routedServices.flatMap((service) =>
  routesOf(service)
    .filter(isGuarded)
    .map((route) => ({ key: keyOf(route), service, route })),
);
const guarded = all.filter(({ route }) => route.refusal === undefined);
/** What refuses at best. */
const refusing = all.filter(({ route }) => route.refusal !== undefined);

function casesOf(...kinds: Route['toOthers'][]): Case[] {
  return guarded.filter(({ route }) => kinds.includes(route.toOthers));
}

/** The least of the roles that a policy names. */
function leastRole(policy: Rule): string {
  const least = roles.find((role) => allows({ roles: [role] }, policy));
  if (least === undefined) throw new Error(`nobody may ${policy}`);
  return least;
}

/** A token of somebody; by default of somebody whom nobody knows, in a project of his own. */
async function tokenOf(role: string, { userId, projectId }: Pick<User, 'userId' | 'projectId'> = stranger()): Promise<string> {
  const { text } = await issueToken({
    user: { id: userId, name: userId },
    project: { id: projectId, name: projectId },
    roles: [{ id: role, name: role }],
    methods: ['password'],
  });
  return text;
}

function stranger() {
  return { userId: randomBytes(16).toString('hex'), projectId: randomBytes(16).toString('hex') };
}

const unauthorized = { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } };

/** How each service refuses somebody; the answer to HEAD has no body. */
function forbidden({ service, route: { method, policy } }: Case): { status: number; body: unknown } {
  const bodies: Record<RoutedService['name'], object> = {
    compute: { forbidden: { code: 403, message: `Policy doesn't allow ${policy} to be performed.` } },
    identity: { error: { code: 403, title: 'Forbidden', message: `You are not authorized to perform the requested action: ${policy}.` } },
    image: { code: '403 Forbidden', title: 'Forbidden', message: `You are not authorized to complete ${policy} action.` },
  };
  return { status: 403, body: method === 'HEAD' ? undefined : bodies[service.name] };
}

/** Runs something that must leave every database as it is. */
async function changesNoDatabase(run: () => Promise<void>): Promise<void> {
  await cloud.service.workflow.drain();
  const inEach = [...cloud.service.databases.keys()].reduce((inner, name) => async () => changesNothing(cloud.database(name), inner), run);
  await inEach();
}

async function expectDone(request: ApiRequest, token: string): Promise<void> {
  const { status, body } = await send(cloud, request, token);
  expect(status, JSON.stringify(body)).toBeLessThan(300);
}

describe('the policy of a route', () => {
  test('is one that compute, identity or image has; what is public is the version documents and the login', () => {
    const open = everyRoute.filter((route) => !isGuarded(route)).map(keyOf);
    expect(open).toEqual(['GET /', 'GET /v2', 'GET /v2.1', 'GET /', 'GET /v3', 'POST /v3/auth/tokens', 'GET /', 'GET /versions']);
    for (const { key, route } of all) expect(allows({ roles: ['admin'] }, route.policy), key).toBe(true);
  });

  test('is asked for by the compiler, and so is what the resource is to others', () => {
    const handle = async () => ({ status: 204 });
    // @ts-expect-error without a policy
    route({ method: 'GET', path: '/x', toOthers: 'shared', handle });
    // @ts-expect-error with a policy that no service has
    route({ method: 'GET', path: '/x', policy: 'os_compute_api:servers:shown', toOthers: 'shared', handle });
    // @ts-expect-error without a word on others
    route({ method: 'GET', path: '/x', policy: 'os_compute_api:servers:show', handle });
  });

  test('asks for at least a member where something changes, but for what is a user’s own', () => {
    const changing = guarded.filter(({ route }) => !['GET', 'HEAD'].includes(route.method));
    const byReaders = changing.filter(({ route }) => allows({ roles: ['reader'] }, route.policy)).map(({ key }) => key);
    expect(byReaders).toEqual(['POST /os-keypairs', 'DELETE /os-keypairs/{name}']);
  });

  test('asks for an admin where Nova does, and for no role where a user finds what is theirs', () => {
    const withLeast = (least: string) => guarded.filter(({ route }) => leastRole(route.policy) === least).map(({ key }) => key);
    expect(withLeast('admin').toSorted()).toEqual([
      'DELETE /flavors/{id}',
      'DELETE /os-quota-sets/{id}',
      'GET /os-availability-zone/detail',
      'GET /os-migrations',
      'GET /os-quota-class-sets/{id}',
      'GET /servers/{id}/diagnostics',
      'GET /servers/{id}/migrations',
      'POST /flavors',
      'POST /servers/{id}/action injectNetworkInfo',
      'POST /servers/{id}/action migrate',
      'POST /servers/{id}/action os-resetState',
      'PUT /os-quota-sets/{id}',
    ]);
    expect(withLeast('auditor').filter((key) => !/ \/(os-keypairs|v3\/)/.test(key))).toEqual([]);
  });
});

describe('nobody passes without a token, or with a role that the policy does not name', () => {
  test.each(guarded)('$service.name $key', async (asked) => {
    const { service, route } = asked;
    const owner = await cloud.newUser();
    const request = await requestOf(cloud, service, route, owner);
    const least = leastRole(route.policy);
    await changesNoDatabase(async () => {
      const body = route.method === 'HEAD' ? undefined : unauthorized;
      expect(await send(cloud, request, undefined)).toEqual({ status: 401, body });
      for (const role of roles.slice(0, roles.indexOf(least))) {
        expect(await send(cloud, request, await tokenOf(role, owner)), role).toEqual(forbidden(asked));
      }
    });
    await expectDone(request, await tokenOf(least, owner));
  });
});

describe('what refuses at best refuses to nobody more than it must', () => {
  let owner: User;
  let server: string;
  beforeAll(async () => {
    owner = await cloud.newUser();
    server = await owner.boot();
    await owner.settled(server);
  });

  test.each(refusing)('$service.name $key', async (asked) => {
    const { service, route } = asked;
    const path = route.path.replace('/servers/{id}', `/servers/${server}`).replaceAll(/\{\w+\}/g, nothing);
    const headers = { 'OpenStack-API-Version': `compute ${microversions.findLast((each) => route.isIn(each))}` };
    const body = bodyOf(cloud, route, owner) ?? (route.action === undefined ? undefined : { [route.action]: null });
    const request = { method: route.method, path: service.root + path, names: [], body, headers };
    expect(await send(cloud, request, undefined)).toEqual({ status: 401, body: unauthorized });
    const least = leastRole(route.policy);
    for (const role of roles.slice(0, roles.indexOf(least))) {
      expect(await send(cloud, request, await tokenOf(role, owner)), role).toEqual(forbidden(asked));
    }
    const answer = await send(cloud, request, await tokenOf(least, owner));
    expect(answer.status).toBe(route.refusal);
    expect(JSON.stringify(answer.body)).not.toContain(`Instance ${server} could not be found.`);
    const foreign = await send(cloud, request, await tokenOf('member'));
    const hidden = { itemNotFound: { code: 404, message: `Instance ${server} could not be found.` } };
    if (least === 'admin') expect(foreign).toEqual(forbidden(asked));
    else if (route.toOthers === 'shared') expect(foreign).toEqual(answer);
    else expect(foreign).toEqual({ status: 404, body: hidden });
  });
});

describe('a resource of another project, or of another user, is not touched', () => {
  test.each(casesOf('hidden', 'forbidden'))('$service.name $key: $route.toOthers', async (asked) => {
    const { service, route } = asked;
    const owner = await cloud.newUser();
    const request = await requestOf(cloud, service, route, owner);
    await changesNoDatabase(async () => {
      const answer = await send(cloud, request, await tokenOf('member'));
      expect(answer).toEqual(route.toOthers === 'hidden' ? await answerAboutNothing(request) : forbidden(asked));
    });
    await expectDone(request, await tokenOf('admin'));
  });

  /** What is answered about a name that nothing has, in the words about the name that something has. */
  async function answerAboutNothing(request: ApiRequest) {
    const [name = ''] = request.names;
    const unknown = name.replace(/[0-9a-f]/g, () => randomBytes(1).toString('hex').slice(1));
    const { status, body } = await send(cloud, { ...request, path: request.path.replace(name, unknown) }, await tokenOf('member'));
    expect(status).toBe(404);
    return { status, body: JSON.parse(JSON.stringify(body).replaceAll(unknown, name)) };
  }
});

describe('what is another project’s, or another user’s, is not in', () => {
  const reading = casesOf('own').filter(({ route }) => route.method === 'GET');
  const making = casesOf('own').filter(({ route }) => route.method !== 'GET');

  /** Everything that somebody sees of their own, by route. */
  async function ownOf(who: User): Promise<Map<string, unknown>> {
    const answers = reading.map(async ({ key, service, route }): Promise<[string, unknown]> => {
      const { status, body } = await send(cloud, await requestOf(cloud, service, route, who), who.token);
      expect(status, key).toBe(200);
      return [key, body];
    });
    return new Map(await Promise.all(answers));
  }

  let owner: User;
  let other: User;
  let before: Record<'owner' | 'other', Map<string, unknown>>;
  let after: typeof before;
  beforeAll(async () => {
    [owner, other] = await Promise.all([cloud.newUser(), cloud.newUser()]);
    before = { owner: await ownOf(owner), other: await ownOf(other) };
    for (const [collection, make] of resources) if (collection !== 'os-instance-actions') await make(cloud, owner, `/${collection}`);
    await cloud.service.workflow.drain();
    after = { owner: await ownOf(owner), other: await ownOf(other) };
  });

  test.each(reading)('$service.name $key', ({ key }) => {
    expect(after.other.get(key)).toEqual(before.other.get(key));
    expect(after.owner.get(key)).not.toEqual(before.owner.get(key));
  });

  test.each(making)('what others see after $service.name $key', async ({ service, route }) => {
    await expectDone(await requestOf(cloud, service, route, other), other.token);
    await cloud.service.workflow.drain();
    expect(await ownOf(owner)).toEqual(after.owner);
    expect(await ownOf(other)).not.toEqual(after.other);
  });
});
