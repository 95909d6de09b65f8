/** Logins and tokens as Keystone has them, and who may ask for what. */
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { query } from '../../../../database/data-api/client.ts';
import type { Json } from '../events.ts';
import { ann, ask, credentials, demo, inDefault, login, other, services, tokenOf, usePeople } from './people.ts';

usePeople();

describe('a login', () => {
  test('by name answers with a token for the project, with the catalog', async () => {
    const { status, body, headers } = await login(
      { name: 'ann', ...inDefault, password: 'secret' },
      { project: { name: 'demo', ...inDefault } },
    );
    expect(status).toBe(201);
    expect(headers['x-subject-token']?.split('.')).toHaveLength(3);
    expect(body.token).toMatchObject({
      methods: ['password'],
      user: { id: ann, name: 'ann', domain: { id: 'default', name: 'Default' }, password_expires_at: null },
      project: { id: demo, name: 'demo', domain: { id: 'default', name: 'Default' } },
      roles: [{ id: expect.stringMatching(/^[0-9a-f]{32}$/), name: 'member' }],
      is_domain: false,
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      audit_ids: [expect.stringMatching(/^[\w-]{22}$/)],
    });
    const services = z.array(z.object({ type: z.string(), endpoints: z.array(z.object({ url: z.string() })) })).parse(body.token?.catalog);
    const endpoints = services.map(({ type, endpoints }) => [type, endpoints[0]?.url]);
    expect(endpoints).toEqual([
      ['compute', 'https://cloud.example/v2.1'],
      ['identity', 'https://cloud.example/identity'],
      ['image', 'https://cloud.example/image'],
    ]);
  });

  test('by ids, with the domain by id, for the default project or another one', async () => {
    expect((await login({ id: ann, password: 'secret' }, { project: { id: other } })).body.token).toMatchObject({
      project: { name: 'other' },
      roles: [{ name: 'reader' }],
    });
    const { body } = await login({ name: 'ann', domain: { id: 'default' }, password: 'secret' });
    expect(body.token?.project).toMatchObject({ name: 'demo' });
  });

  test('for no project is answered with a token that says who somebody is, and leads to the projects there are', async () => {
    const good = { name: 'ann', ...inDefault, password: 'secret' };
    for (const scope of ['unscoped', { unscoped: {} }]) {
      const { status, body, headers } = await login(good, scope);
      expect(status).toBe(201);
      expect(Object.keys(body.token ?? {}).toSorted()).toEqual(['audit_ids', 'expires_at', 'issued_at', 'methods', 'user']);
      const token = headers['x-subject-token'];
      const { body: projects } = await ask('/identity/v3/auth/projects', { token });
      expect((projects.projects as unknown as Json[]).map(({ name }) => name)).toEqual(['demo', 'other']);
      expect((await ask('/identity/v3/auth/catalog', { token })).status).toBe(403);
      const exchange = { auth: { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: other } } } };
      const { body: exchanged } = await ask('/identity/v3/auth/tokens', { method: 'POST', body: exchange });
      expect(exchanged.token).toMatchObject({ project: { name: 'other' }, roles: [{ name: 'reader' }] });
      expect((await login({ ...good, password: 'Secret' }, scope)).status).toBe(401);
    }
  });

  test('without a scope is for no project when the default one does not open', async () => {
    await query(services.database, `update projects set enabled = false where name = 'demo'`);
    try {
      const { status, body } = await login({ name: 'ann', ...inDefault, password: 'secret' });
      expect([status, body.token?.project]).toEqual([201, undefined]);
    } finally {
      await query(services.database, `update projects set enabled = true where name = 'demo'`);
    }
  });

  test('costs one call of the database', async () => {
    services.dataApi.calls.clear();
    await login({ name: 'ann', ...inDefault, password: 'secret' });
    expect(services.dataApi.calls.all()).toHaveLength(1);
  });

  test('leaves the catalog out when asked', async () => {
    const { body } = await login({ id: ann, password: 'secret' }, undefined, '/identity/v3/auth/tokens?nocatalog');
    expect(body.token).not.toHaveProperty('catalog');
  });

  test('is refused in one way, whatever is wrong', async () => {
    const good = { name: 'ann', ...inDefault, password: 'secret' };
    const attempts: [object, unknown][] = [
      [{ ...good, password: 'Secret' }, undefined],
      [{ ...good, name: 'nobody' }, undefined],
      [{ ...good, name: 'gone' }, undefined],
      [{ ...good, domain: { name: 'elsewhere' } }, undefined],
      [{ name: 'ann', password: 'secret' }, undefined],
      [{ id: 'f'.repeat(32), password: 'secret' }, undefined],
      [good, { project: { name: 'closed', ...inDefault } }],
      [good, { project: { id: 'f'.repeat(32) } }],
      [good, { domain: { id: 'default' } }],
      [good, { system: { all: true } }],
    ];
    const answers = await Promise.all(attempts.map(([user, scope]) => login(user, scope)));
    for (const { status, body, headers } of answers) {
      expect([status, body]).toEqual([
        401,
        { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
      ]);
      expect(headers).not.toHaveProperty('x-subject-token');
    }
  });

  test('must have Keystone’s form', async () => {
    for (const body of [
      {},
      { auth: {} },
      { auth: { identity: { methods: [] } } },
      credentials({ name: 5, password: 'x' }),
      credentials({}),
    ]) {
      const answer = await ask('/identity/v3/auth/tokens', { method: 'POST', body });
      expect([answer.status, answer.body.error?.title]).toEqual([400, 'Bad Request']);
    }
  });
});

describe('a token', () => {
  test('can be exchanged for another project, not for a longer life', async () => {
    const first = await tokenOf('ann', 'secret', 'demo');
    const body = { auth: { identity: { methods: ['token'], token: { id: first } }, scope: { project: { id: other } } } };
    const { status, body: answer } = await ask('/identity/v3/auth/tokens', { method: 'POST', body });
    expect(status).toBe(201);
    expect(answer.token).toMatchObject({ project: { name: 'other' }, roles: [{ name: 'reader' }], methods: ['token', 'password'] });
    const forged = { auth: { identity: { methods: ['token'], token: { id: `${first}x` } } } };
    expect((await ask('/identity/v3/auth/tokens', { method: 'POST', body: forged })).status).toBe(401);
  });

  test('can be looked at by its owner and by an admin', async () => {
    const [mine, hers] = [await tokenOf('ann', 'secret'), await tokenOf('root', 'rootpw')];
    const look = (token: string, subject: string, method = 'GET') =>
      ask('/identity/v3/auth/tokens', { method, token, headers: { 'x-subject-token': subject } });
    const own = await look(mine, mine);
    expect([own.status, own.headers['x-subject-token']]).toEqual([200, mine]);
    expect(own.body.token).toMatchObject({ user: { name: 'ann' }, catalog: expect.any(Array) });
    expect((await look(hers, mine)).status).toBe(200);
    expect((await look(mine, hers)).status).toBe(403);
    expect((await look(mine, 'forged')).status).toBe(404);
    const head = await look(mine, mine, 'HEAD');
    expect([head.status, head.body]).toEqual([200, undefined]);
  });

  test('opens what belongs to its owner', async () => {
    const [mine, hers] = [await tokenOf('ann', 'secret'), await tokenOf('root', 'rootpw')];
    const names = async (path: string, token: string) => {
      const { body } = await ask(`/identity/v3/${path}`, { token });
      return Object.values(body).flatMap((list) => (Array.isArray(list) ? (list as Json[]).map(({ name }) => name) : []));
    };
    expect(await names('auth/projects', mine)).toEqual(['demo', 'other']);
    expect(await names('projects', mine)).toEqual(['demo', 'other']);
    expect(await names('projects', hers)).toEqual(['closed', 'demo', 'other']);
    expect(await names('projects?name=other', hers)).toEqual(['other']);
    expect(await names('projects?domain_id=elsewhere', hers)).toEqual([]);
    expect(await names('users', mine)).toEqual(['ann']);
    expect(await names('users?name=root', mine)).toEqual([]);
    expect(await names('users', hers)).toEqual(['ann', 'gone', 'root']);
    expect((await ask(`/identity/v3/projects/${demo}`, { token: mine })).body.project).toMatchObject({
      id: demo,
      name: 'demo',
      domain_id: 'default',
    });
    expect((await ask('/identity/v3/projects/demo', { token: mine })).status).toBe(404);
    expect((await ask(`/identity/v3/users/${ann}`, { token: mine })).body.user).toMatchObject({ name: 'ann', default_project_id: demo });
    expect((await ask(`/identity/v3/auth/catalog`, { token: mine })).body.catalog).toHaveLength(3);
  });
});

test('nothing but logins and version documents is public', async () => {
  for (const path of ['auth/tokens', 'auth/catalog', 'auth/projects', 'projects', 'users', 'nothing']) {
    expect((await ask(`/identity/v3/${path}`)).status, path).toBe(401);
  }
  for (const path of ['/identity', '/identity/']) {
    const { status, body } = await ask(path);
    expect(status).toBe(300);
    expect(body.versions?.values?.[0]).toMatchObject({ id: 'v3.14', links: [{ rel: 'self', href: 'https://cloud.example/identity/v3/' }] });
  }
  for (const path of ['/identity/v3', '/identity/v3/'])
    expect((await ask(path)).body.version).toMatchObject({ id: 'v3.14', status: 'stable' });
});

test('errors are Keystone’s', async () => {
  const token = await tokenOf('ann', 'secret');
  const missing = await ask('/identity/v3/nothing', { token });
  expect([missing.status, missing.body]).toEqual([
    404,
    { error: { code: 404, title: 'Not Found', message: 'The resource could not be found.' } },
  ]);
  expect((await ask('/identity/v3/auth/tokens', { method: 'PUT', token })).status).toBe(405);
});

test.each([
  ['DELETE', '/auth/tokens'],
  ['PATCH', `/users/${ann}`],
  ['GET', `/users/${ann}/projects`],
  ['GET', `/projects/${demo}/tags`],
  ['GET', '/domains/default'],
])('what is there is not said to be missing for what is not built of it: %s %s', async (method, path) => {
  const { status, body } = await ask(`/identity/v3${path}`, { method, token: await tokenOf('ann', 'secret') });
  expect([status, body.error?.message]).toEqual([501, 'The requested functionality is not supported.']);
});
