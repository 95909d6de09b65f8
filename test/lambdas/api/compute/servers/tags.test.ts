/** Changes of a server's tags: what they leave, what stands against them, and two of them at once. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type Json, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let member: User;
let id: string;
let buried: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 2 });
  member = await cloud.newUser();
  id = await member.boot();
  buried = await member.boot({ tags: ['blue'], flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  expect([(await member.settled(id)).status, (await member.settled(buried)).status]).toEqual(['ACTIVE', 'ERROR']);
});
afterAll(() => cloud?.stop());

type Reply = [number, unknown];

async function send(method: string, path: string, body?: unknown, { who = member, microversion = 100 } = {}): Promise<Reply> {
  const options = { microversion, ...(body === undefined ? {} : { body }) };
  const { status, body: answer } = await who.send<Json | undefined>(method, path, options);
  return [status, answer];
}

const tags = async () => (await member.send<{ tags: string[] }>('GET', `/servers/${id}/tags`)).body.tags;
const change = (values: string) => query(cloud.database('cell1'), `update instances set ${values} where uuid = :id::uuid`, { id });
const conflict = (message: string): Reply => [409, { conflictingRequest: { code: 409, message } }];
const badRequest = (message: unknown): Reply => [400, { badRequest: { code: 400, message } }];
const missing = (message: string): Reply => [404, { itemNotFound: { code: 404, message } }];

beforeEach(async () => {
  expect(await send('PUT', `/servers/${id}/tags`, { tags: ['blue', 'green'] })).toEqual([200, { tags: ['blue', 'green'] }]);
});

describe('a change', () => {
  test.each<[string, string, unknown, Reply, string[]]>([
    ['PUT', '', { tags: ['red', 'blue', 'red'] }, [200, { tags: ['blue', 'red'] }], ['blue', 'red']],
    ['PUT', '', { tags: [] }, [200, { tags: [] }], []],
    ['PUT', '/red', undefined, [201, undefined], ['blue', 'green', 'red']],
    ['PUT', '/blue', undefined, [204, undefined], ['blue', 'green']],
    ['PUT', `/${'t'.repeat(60)}`, undefined, [201, undefined], ['blue', 'green', 't'.repeat(60)]],
    ['DELETE', '', undefined, [204, undefined], []],
    ['DELETE', '/blue', undefined, [204, undefined], ['green']],
  ])('%s tags%s %j', async (method, path, body, answer, left) => {
    await change(`updated_at = '2020-01-01Z'`);
    expect(await send(method, `/servers/${id}/tags${path}`, body)).toEqual(answer);
    expect(await tags()).toEqual(left);
    const { server } = (await member.send<{ server: Json }>('GET', `/servers/${id}`)).body;
    expect(server.tags).toEqual(left);
    expect(server.updated === '2020-01-01T00:00:00Z').toBe(path === '/blue' && method === 'PUT');
  });

  test('says where a new tag is', async () => {
    const { headers } = await member.send('PUT', `/servers/${id}/tags/${encodeURIComponent('rötlich braun')}`);
    const location = headers.get('location') ?? '';
    expect(location).toBe(`${cloud.service.url}/v2.1/servers/${id}/tags/r%C3%B6tlich%20braun`);
    expect((await fetch(location, { headers: { 'X-Auth-Token': member.token, 'OpenStack-API-Version': 'compute 2.26' } })).status).toBe(
      204,
    );
  });

  test('finds the server by it', async () => {
    const tag = randomUUID();
    await send('PUT', `/servers/${id}/tags/${tag}`);
    const { body } = await member.send<{ servers: { id: string }[] }>('GET', `/servers?tags=${tag}`);
    expect(body.servers.map((server) => server.id)).toEqual([id]);
  });

  test('of tags that every object has a name like', async () => {
    for (const tag of ['__proto__', 'length', 'constructor']) {
      expect((await send('DELETE', `/servers/${id}/tags/${tag}`))[0], tag).toBe(404);
      expect([await send('PUT', `/servers/${id}/tags/${tag}`), await send('PUT', `/servers/${id}/tags/${tag}`)]).toEqual([
        [201, undefined],
        [204, undefined],
      ]);
      expect((await send('DELETE', `/servers/${id}/tags/${tag}`))[0], tag).toBe(204);
    }
  });

  test('records no action, and is made though the server is locked, never ran or does something', async () => {
    const actions = async () => (await send('GET', `/servers/${id}/os-instance-actions`))[1];
    const before = await actions();
    await change(`locked = true, launched_at = null, task_state = 'rebooting'`);
    for (const state of ['active', 'paused', 'suspended', 'stopped']) {
      await change(`vm_state = '${state}'`);
      expect((await send('PUT', `/servers/${id}/tags/${state}`))[0]).toBe(201);
    }
    await change(`locked = false, launched_at = now(), task_state = null, vm_state = 'active'`);
    expect(await actions()).toEqual(before);
  });

  test('waits for another one and works on what that has left', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `tag ${index}`);
    expect(await Promise.all(names.map((tag) => send('PUT', `/servers/${id}/tags/${tag}`)))).toEqual(names.map(() => [201, undefined]));
    expect(await tags()).toEqual(expect.arrayContaining(['blue', 'green', ...names]));
    const all = names.map((tag) => ['all', tag]);
    expect(await Promise.all(all.map((each) => send('PUT', `/servers/${id}/tags`, { tags: each })))).toEqual(
      all.map((each) => [200, { tags: each }]),
    );
    expect(all).toContainEqual(await tags());
    const same = await Promise.all(names.map(() => send('PUT', `/servers/${id}/tags/same`)));
    expect(same.map(([status]) => status).toSorted()).toEqual([201, ...names.slice(1).map(() => 204)]);
  });
});

describe('a change is refused', () => {
  const routes = [
    ['PUT', '', { tags: ['x'] }, 'update tags'],
    ['PUT', '/x', undefined, 'update tag'],
    ['DELETE', '', undefined, 'delete tags'],
    ['DELETE', '/blue', undefined, 'delete tag'],
  ] as const;

  test.each(routes)('%s tags%s: of a server in a state that does not allow it', async (method, path, body, action) => {
    for (const state of ['building', 'error', 'rescued', 'resized', 'shelved', 'soft-delete', 'shelved_offloaded']) {
      await change(`vm_state = '${state}'`);
      const answer = await send(method, `/servers/${id}/tags${path}`, body);
      expect(answer).toEqual(conflict(`Cannot '${action}' instance ${id} while it is in vm_state ${state}`));
    }
    expect(await tags()).toEqual(['blue', 'green']);
    await change(`vm_state = 'active'`);
    expect(await send(method, `/servers/${buried}/tags${path}`, body)).toEqual(
      conflict(`Cannot '${action}' instance ${buried} while it is in vm_state error`),
    );
  });

  test.each(routes)(
    '%s tags%s: of one that is being built, is not there, or is another project’s; before 2.26',
    async (method, path, body, action) => {
      const pause = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 500, sql: "'mappedTo'" });
      const built = await member.boot({ tags: ['blue'] });
      const answer = await send(method, `/servers/${built}/tags${path}`, body);
      pause.lift();
      expect(answer).toEqual(conflict(`Cannot '${action}' instance ${built} while it is in vm_state building`));
      await member.settled(built);
      await member.send('DELETE', `/servers/${built}`);
      const unknown = randomUUID();
      expect(await send(method, `/servers/${unknown}/tags${path}`, body)).toEqual(missing(`Instance ${unknown} could not be found.`));
      const who = await cloud.newUser();
      expect(await send(method, `/servers/${id}/tags${path}`, body, { who })).toEqual(missing(`Instance ${id} could not be found.`));
      expect(await send(method, `/servers/${id}/tags${path}`, body, { microversion: 25 })).toEqual(
        missing('The resource could not be found.'),
      );
      expect(await tags()).toEqual(['blue', 'green']);
    },
  );

  test('of the 51st tag, one that is there among them; also when two come at once', async () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `tag ${index}`);
    expect((await send('PUT', `/servers/${id}/tags`, { tags: names(49) }))[0]).toBe(200);
    const both = await Promise.all(['x', 'y', 'z'].map((tag) => send('PUT', `/servers/${id}/tags/${tag}`)));
    expect(both.map(([status]) => status).toSorted()).toEqual([201, 400, 400]);
    const full = badRequest('The number of tags exceeded the per-server limit 50');
    expect(await send('PUT', `/servers/${id}/tags/more`)).toEqual(full);
    expect(await send('PUT', `/servers/${id}/tags/${encodeURIComponent('tag 1')}`)).toEqual(full);
    expect(await send('PUT', `/servers/${id}/tags`, { tags: names(51) })).toEqual(badRequest(expect.stringContaining('is too long')));
    expect(await tags()).toHaveLength(50);
  });

  test.each<[string, unknown]>([
    ['', "'tags' is a required property"],
    ['{"tags": "blue"}', expect.stringContaining("'blue' is not of type 'array'")],
    ['{"tags": [1]}', expect.stringContaining("1 is not of type 'string'")],
    ['{"tags": [""]}', expect.stringContaining("'' is too short")],
    ['{"tags": ["a,b"]}', expect.stringContaining("'a,b' does not match '^[^,/]*$'")],
    ['{"tags": ["a/b"]}', expect.stringContaining("'a/b' does not match '^[^,/]*$'")],
    [`{"tags": ["${'t'.repeat(61)}"]}`, expect.stringContaining('is too long')],
    ['{"tags": [], "other": 1}', "Additional properties are not allowed ('other' was unexpected)"],
  ])('PUT tags %s', async (body, message) => {
    expect(await send('PUT', `/servers/${id}/tags`, JSON.parse(body || '{}'))).toEqual(badRequest(message));
    expect(await tags()).toEqual(['blue', 'green']);
  });

  test.each([
    ['a,b', "'a,b' does not match '^[^,/]*$'"],
    ['t'.repeat(61), `'${'t'.repeat(61)}' is too long`],
  ])('of a tag that is none: %s; after the state', async (tag, why) => {
    const message = `Tag '${tag}' is invalid. It must be a non empty string without characters '/' and ','. Validation error message: ${why}`;
    expect(await send('PUT', `/servers/${id}/tags/${encodeURIComponent(tag)}`)).toEqual(badRequest(message));
    expect((await send('PUT', `/servers/${buried}/tags/${encodeURIComponent(tag)}`))[0]).toBe(409);
    expect(await tags()).toEqual(['blue', 'green']);
  });

  test.each<[unknown, string]>([
    [{}, '{}'],
    [{ tags: ['x'] }, "{'tags': ['x']}"],
    [['x'], "['x']"],
    ['x', "'x'"],
    [0, '0'],
  ])('PUT of one tag with a body: %j', async (body, value) => {
    expect(await send('PUT', `/servers/${id}/tags/x`, body)).toEqual(badRequest(`${value} is not of type 'null'`));
    expect(await tags()).toEqual(['blue', 'green']);
    expect(await send('PUT', `/servers/${id}/tags/x`, null)).toEqual([201, undefined]);
  });

  test('when there is no such tag', async () => {
    expect(await send('DELETE', `/servers/${id}/tags/none`)).toEqual(missing(`Instance ${id} has no tag 'none'`));
  });
});
