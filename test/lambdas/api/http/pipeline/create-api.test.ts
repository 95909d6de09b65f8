import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { Conflict, Forbidden, NotFound } from '../../../../../common/errors.ts';
import { DatabaseUnreachable } from '../../../../../database/data-api/client.ts';
import { locateCompute } from '../../../../../lambdas/api/compute/paths.ts';
import { versionRoutes } from '../../../../../lambdas/api/compute/versions/routes.ts';
import { createApi } from '../../../../../lambdas/api/http/pipeline/create-api.ts';
import { novaFault } from '../../../../../lambdas/api/http/pipeline/fault-bodies.ts';
import { route } from '../../../../../lambdas/api/http/routing/route.ts';
import { issueToken } from '../../../../../lambdas/api/http/tokens/issue-token.ts';
import { ServiceUnreachable } from '../../../../../lambdas/shared/in-time.ts';
import { createKms } from '../../../../../local/aws/kms.ts';
import { type Aws, startAws } from '../../../../../local/aws/server.ts';
import { asking } from '../../events.ts';

const project = 'b'.repeat(32);
const failures: Record<string, Error> = {
  missing: new NotFound('Instance x could not be found.'),
  busy: new Conflict("Cannot 'pause' instance x while it is in vm_state error"),
  quota: new Forbidden('Quota exceeded'),
  asleep: new DatabaseUnreachable('api does not answer: secret detail'),
  throttled: new ServiceUnreachable('ThrottlingException: secret detail'),
  broken: new TypeError('secret detail', { cause: new Error('deeper detail') }),
};

const ask = asking(
  createApi({
    name: 'compute',
    locate: locateCompute,
    faultBody: novaFault,
    routes: [
      ...versionRoutes,
      route({
        method: 'GET',
        path: '/echo/{id}',
        policy: 'os_compute_api:servers:show',
        toOthers: 'shared',
        query: () => z.object({ tag: z.array(z.string()).optional() }),
        handle: async ({ params, query, caller, microversion, baseUrl }) => ({
          status: 200,
          body: { params, query, caller, microversion: Number(String(microversion).slice('2.'.length)), baseUrl },
        }),
      }),
      route({
        method: 'POST',
        path: '/echo',
        policy: 'os_compute_api:servers:create',
        toOthers: 'shared',
        body: (microversion) =>
          microversion.has('serverDescription')
            ? z.strictObject({ name: z.string(), description: z.string() })
            : z.strictObject({ name: z.string() }),
        handle: async ({ body }) => ({ status: 202, body, headers: { Location: 'here' } }),
      }),
      route({
        method: 'DELETE',
        path: '/echo/{id}',
        policy: 'os_compute_api:os-flavor-manage:delete',
        toOthers: 'shared',
        handle: async () => ({ status: 204 }),
      }),
      route({
        method: 'GET',
        path: '/late',
        from: 'completeQuotaClasses',
        policy: 'os_compute_api:servers:show',
        toOthers: 'shared',
        handle: async () => ({ status: 200, body: {} }),
      }),
      route({
        method: 'GET',
        path: '/fail/{how}',
        policy: 'os_compute_api:servers:show',
        toOthers: 'shared',
        async handle({ params }) {
          throw failures[params.how ?? ''];
        },
      }),
    ],
  }),
);

let aws: Aws;
let token: string;

beforeAll(async () => {
  const kms = await createKms({ keyFile: undefined });
  aws = await startAws({ services: [kms.service] });
  Object.assign(process.env, aws.environment, { TOKEN_KEY: kms.keyArn, TOKEN_PUBLIC_KEY: kms.publicKey, PUBLIC_URL: '' });
  token = await tokenWith('member');
});
afterAll(() => aws.close());
afterEach(() => {
  process.env.PUBLIC_URL = '';
  vi.restoreAllMocks();
});

async function tokenWith(role: string): Promise<string> {
  const named = (id: string, name: string) => ({ id: id.repeat(32), name });
  const { text } = await issueToken({
    user: named('a', 'ann'),
    project: named('b', 'blue'),
    roles: [named('c', role)],
    methods: ['password'],
  });
  return text;
}

describe('a request', () => {
  test('reaches its handler with everything it needs', async () => {
    const { status, body } = await ask('/v2.1/echo/x%20y?tag=a&tag=b,c&other=1', { token, headers: { 'x-forwarded-proto': 'https' } });
    expect(status).toBe(200);
    expect(body).toEqual({
      params: { id: 'x%20y' },
      query: { tag: ['a', 'b,c'] },
      caller: { userId: 'a'.repeat(32), userName: 'ann', projectId: project, projectName: 'blue', roles: ['member'] },
      microversion: 1,
      baseUrl: 'https://cloud.example',
    });
  });

  test('may have the project in its path, if it is the token’s', async () => {
    expect((await ask(`/v2.1/${project}/echo/1`, { token })).status).toBe(200);
    const other = 'f'.repeat(32);
    const { status, body } = await ask(`/v2.1/${other}/echo/1`, { token });
    expect(status).toBe(400);
    expect(body).toEqual({
      badRequest: {
        code: 400,
        message: `Malformed request URL: URL's project_id '${other}' doesn't match Context's project_id '${project}'`,
      },
    });
  });

  test('may end with a slash', async () => {
    expect((await ask('/v2.1/echo/1/', { token })).status).toBe(200);
  });

  test('leads to links with PUBLIC_URL, when it is set', async () => {
    process.env.PUBLIC_URL = 'https://nova.example/';
    expect((await ask('/v2.1/echo/1', { token })).body.baseUrl).toBe('https://nova.example');
  });

  test('gets an id of its own', async () => {
    const [one, other] = [await ask('/v2.1/echo/1', { token }), await ask('/v2.1/nothing')];
    expect(one.headers['x-openstack-request-id']).toMatch(/^req-[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(one.headers['x-compute-request-id']).toBe(one.headers['x-openstack-request-id']);
    expect(other.headers['x-openstack-request-id']).toMatch(/^req-/);
    expect(other.headers['x-openstack-request-id']).not.toBe(one.headers['x-openstack-request-id']);
  });

  test('is checked for its policy after its body', async () => {
    const reader = await tokenWith('reader');
    expect((await ask('/v2.1/echo', { method: 'POST', token: reader, body: {} })).status).toBe(400);
    const { status, body } = await ask('/v2.1/echo', { method: 'POST', token: reader, body: { name: 'x' } });
    expect(status).toBe(403);
    expect(body.forbidden?.message).toBe("Policy doesn't allow os_compute_api:servers:create to be performed.");
    expect((await ask('/v2.1/echo/1', { token: await tokenWith('stranger') })).status).toBe(403);
    expect((await ask('/v2.1/echo/1', { method: 'DELETE', token: await tokenWith('admin') })).status).toBe(204);
  });
});

describe('without a valid token', () => {
  test('everything but the version documents is 401, whether it exists or not', async () => {
    for (const path of ['/v2.1/echo/1', '/v2.1/nothing', '/nothing', '/v2.1/fail/broken', `/v2.1/${'f'.repeat(32)}/echo/1`]) {
      for (const bad of [undefined, 'forged', `${token}x`]) {
        const { status, body, headers } = await ask(path, { token: bad });
        expect(status, path).toBe(401);
        expect(headers['www-authenticate']).toBe('Keystone uri="https://cloud.example/identity"');
        expect(body).toEqual({
          error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
        });
      }
    }
    for (const path of ['/', '/v2', '/v2/', '/v2.1', '/v2.1/']) expect((await ask(path)).status, path).toBe(200);
  });
});

describe('microversions', () => {
  test.each([
    [{}, 1],
    [{ 'openstack-api-version': 'compute 2.50' }, 50],
    [{ 'openstack-api-version': 'Compute  2.50' }, 50],
    [{ 'openstack-api-version': 'volume 3.70, compute 2.50' }, 50],
    [{ 'openstack-api-version': 'compute 2.7,compute 2.50' }, 50],
    [{ 'openstack-api-version': 'volume 3.70' }, 1],
    [{ 'openstack-api-version': 'compute latest' }, 100],
    [{ 'x-openstack-nova-api-version': '2.26' }, 26],
    [{ 'x-openstack-nova-api-version': 'latest' }, 100],
    [{ 'openstack-api-version': 'compute 2.50', 'x-openstack-nova-api-version': '2.26' }, 50],
  ])('%j', async (headers, expected) => {
    const answer = await ask('/v2.1/echo/1', { token, headers });
    expect(answer.body.microversion).toBe(expected);
    expect(answer.headers['openstack-api-version']).toBe(`compute 2.${expected}`);
    expect(answer.headers['x-openstack-nova-api-version']).toBe(`2.${expected}`);
    expect(answer.headers.vary).toBe('OpenStack-API-Version, X-OpenStack-Nova-API-Version');
  });

  test.each(['2', '2.01', 'x', '2.1.1', '2.1;', '-2.1', '02.1'])('%s has no form', async (version) => {
    const { status, body, headers } = await ask('/v2.1/echo/1', { token, headers: { 'openstack-api-version': `compute ${version}` } });
    expect(status).toBe(400);
    expect(body.badRequest?.message).toBe(`API Version String ${version} is of invalid format. Must be of format MajorNum.MinorNum.`);
    expect(headers.vary).toBeDefined();
  });

  test.each(['2.101', '2.0', '3.1', '1.50'])('%s is not served', async (version) => {
    const { status, body } = await ask('/v2.1/echo/1', { token, headers: { 'openstack-api-version': `compute ${version}` } });
    expect(status).toBe(406);
    expect(body).toEqual({
      computeFault: { code: 406, message: `Version ${version} is not supported by the API. Minimum is 2.1 and maximum is 2.100.` },
    });
  });

  test('choose route and schema', async () => {
    const at = (minor: number) => ({ token, headers: { 'openstack-api-version': `compute 2.${minor}` } });
    expect((await ask('/v2.1/late', at(49))).body).toEqual({ itemNotFound: { code: 404, message: 'The resource could not be found.' } });
    expect((await ask('/v2.1/late', at(50))).status).toBe(200);
    const body = { name: 'x', description: 'y' };
    expect((await ask('/v2.1/echo', { method: 'POST', body, ...at(18) })).status).toBe(400);
    expect((await ask('/v2.1/echo', { method: 'POST', body, ...at(19) })).status).toBe(202);
  });

  test('are answered on errors too, and are nothing to /v2', async () => {
    const failed = await ask('/v2.1/nothing', { token, headers: { 'openstack-api-version': 'compute 2.50' } });
    expect([failed.status, failed.headers['openstack-api-version']]).toEqual([404, 'compute 2.50']);
    const legacy = await ask('/v2/echo/1', { token, headers: { 'openstack-api-version': 'compute 2.999' } });
    expect([legacy.status, legacy.body.microversion]).toEqual([200, 1]);
    expect(legacy.headers).not.toHaveProperty('openstack-api-version');
  });
});

describe('a body', () => {
  const post = (body: string | object, more = {}) => ask('/v2.1/echo', { method: 'POST', token, body, ...more });

  test('is read, also when the gateway sends it as base64', async () => {
    for (const base64 of [false, true]) {
      const { status, body, headers } = await post({ name: 'ä€😀' }, { base64 });
      expect([status, body, headers.location]).toEqual([202, { name: 'ä€😀' }, 'here']);
    }
  });

  test.each(['', '{', '[]', 'null', '"x"', '5', '{"name": "\\u0000"}', '{"a\\u0000": 1}', '{"name": "\\ud800"}'])(
    '%s is malformed',
    async (text) => {
      const { status, body } = await post(text);
      expect([status, body]).toEqual([400, { badRequest: { code: 400, message: 'Malformed request body' } }]);
    },
  );

  test('that nests without end is malformed', async () => {
    expect((await post(`{"name": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`)).status).toBe(400);
  });

  test('of another type is 415', async () => {
    const { status, body } = await post('name=x', { headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expect([status, body.badMediaType?.code]).toEqual([415, 415]);
    for (const type of ['application/xml', 'application/vnd.openstack.compute+xml', 'application/vnd.openstack.computer+json']) {
      expect((await post({ name: 'x' }, { headers: { 'content-type': type } })).status, type).toBe(415);
    }
  });

  test.each([
    'application/json; charset=utf-8',
    'application/vnd.openstack.compute+json',
    'application/vnd.openstack.compute+json;version=2.1',
  ])('as the version document calls it, %s, is JSON', async (type) => {
    expect((await post({ name: 'x' }, { headers: { 'content-type': type } })).status).toBe(202);
  });

  test('may hold 112 KiB, no more', async () => {
    const envelope = JSON.stringify({ name: '' }).length;
    expect((await post({ name: 'x'.repeat(114_688 - envelope) })).status).toBe(202);
    const { status, body } = await post({ name: 'x'.repeat(114_689 - envelope) });
    expect([status, body]).toEqual([413, { overLimit: { code: 413, message: 'Request is too large.' } }]);
  });
});

describe('a fault', () => {
  test.each([
    ['missing', 404, 'itemNotFound'],
    ['busy', 409, 'conflictingRequest'],
    ['quota', 403, 'forbidden'],
  ])('of the domain: %s', async (how, code, name) => {
    const { status, body } = await ask(`/v2.1/fail/${how}`, { token });
    expect([status, body]).toEqual([code, { [name]: { code, message: failures[how]?.message } }]);
  });

  test('of a path or method', async () => {
    expect((await ask('/v2.1/nothing', { token })).body.itemNotFound?.code).toBe(404);
    expect((await ask('/servers', { token })).status).toBe(404);
    const { status, body, headers } = await ask('/v2.1/echo/1', { method: 'PATCH', token });
    expect([status, body.badMethod?.code, headers.allow]).toEqual([405, 405, 'DELETE, GET']);
    expect((await ask('/v2.1/echo/1?tag=%00', { token })).status).toBe(400);
  });

  test.each([
    ['a database', 'asleep'],
    ['a service of AWS', 'throttled'],
  ])('of %s that does not answer asks to come again', async (_, how) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { status, body, headers } = await ask(`/v2.1/fail/${how}`, { token });
    expect([status, Number(headers['retry-after']) > 0, body.serviceUnavailable?.code]).toEqual([503, true, 503]);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(log).toHaveBeenCalledOnce();
  });

  test('of ours shows the client its class, and the log everything but the request', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { status, body, headers } = await ask('/v2.1/fail/broken', { token });
    expect(status).toBe(500);
    expect(body.computeFault?.message).toBe(
      "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.\n<class 'TypeError'>",
    );
    const line = String(log.mock.calls[0]?.[0]);
    expect(JSON.parse(line)).toMatchObject({
      level: 'ERROR',
      request_id: headers['x-openstack-request-id'],
      error: { name: 'TypeError', message: 'secret detail', cause: { name: 'Error', message: 'deeper detail' } },
    });
    expect(line).not.toContain(token);
  });
});

test('version documents follow Nova', async () => {
  const { body } = await ask('/');
  expect(body.versions).toEqual([
    {
      id: 'v2.0',
      status: 'DEPRECATED',
      version: '',
      min_version: '',
      updated: '2025-07-04T12:00:00Z',
      links: [{ rel: 'self', href: 'https://cloud.example/v2/' }],
    },
    {
      id: 'v2.1',
      status: 'CURRENT',
      version: '2.100',
      min_version: '2.1',
      updated: '2013-07-23T11:33:21Z',
      links: [{ rel: 'self', href: 'https://cloud.example/v2.1/' }],
    },
  ]);
  const one = await ask('/v2.1/', { headers: { 'openstack-api-version': 'compute 2.999' } });
  expect([one.status, one.body.version?.version, one.body.version?.['media-types']?.[0]?.base]).toEqual([200, '2.100', 'application/json']);
});
