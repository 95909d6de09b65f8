/** What the pipeline does with a request before its handler: path, token, microversion, policy. */
import { describe, expect, test } from 'vitest';
import { ask, project, signTokens, token, tokenWith } from './echo-api.ts';

signTokens();

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
