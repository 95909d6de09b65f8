/** Changes of a server's metadata: what they leave, what stands against them, and two of them at once. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { beforeStatement } from '../../../../fixtures/before-statement.ts';
import { type Cloud, type Json, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { comeToRest } from '../../../../fixtures/rest.ts';

let cloud: Cloud;
let member: User;
let admin: User;
let id: string;
let buried: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 2 });
  member = await cloud.newUser();
  admin = await cloud.newUser('admin', member.projectId);
  id = await member.boot();
  buried = await member.boot({ metadata: { role: 'db' }, flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  expect([(await member.settled(id)).status, (await member.settled(buried)).status]).toEqual(['ACTIVE', 'ERROR']);
});
afterAll(() => cloud?.stop());

type Reply = [number, unknown];

async function send(method: string, path: string, body?: unknown, who = member): Promise<Reply> {
  const { status, body: answer } = await who.send<Json | undefined>(method, path, body === undefined ? {} : { body });
  return [status, answer];
}

const metadata = async () => (await member.send<{ metadata: object }>('GET', `/servers/${id}/metadata`)).body.metadata;
const change = (values: string) => query(cloud.database('cell1'), `update instances set ${values} where uuid = :id::uuid`, { id });
const conflict = (message: string): Reply => [409, { conflictingRequest: { code: 409, message } }];
const badRequest = (message: unknown): Reply => [400, { badRequest: { code: 400, message } }];
const missing = (message: string): Reply => [404, { itemNotFound: { code: 404, message } }];

beforeEach(async () => {
  expect((await send('PUT', `/servers/${id}/metadata`, { metadata: { role: 'web', size: '1' } }))[0]).toBe(200);
});

describe('a change', () => {
  test.each<[string, string, unknown, Reply, object]>([
    ...([
      [
        'POST',
        '',
        { metadata: { size: '2', new: '' } },
        [200, { metadata: { role: 'web', size: '2', new: '' } }],
        { role: 'web', size: '2', new: '' },
      ],
      ['POST', '', { metadata: {} }, [200, { metadata: { role: 'web', size: '1' } }], { role: 'web', size: '1' }],
      ['PUT', '', { metadata: { new: 'x' } }, [200, { metadata: { new: 'x' } }], { new: 'x' }],
      ['PUT', '', { metadata: {} }, [200, { metadata: {} }], {}],
      ['PUT', '/role', { meta: { role: 'db' } }, [200, { meta: { role: 'db' } }], { role: 'db', size: '1' }],
      ['PUT', '/new', { meta: { new: 'x' } }, [200, { meta: { new: 'x' } }], { role: 'web', size: '1', new: 'x' }],
      ['DELETE', '/role', undefined, [204, undefined], { size: '1' }],
    ] satisfies [string, string, unknown, Reply, object][]),
  ])('%s metadata%s %j', async (method, path, body, answer, left) => {
    await change(`updated_at = '2020-01-01Z'`);
    expect(await send(method, `/servers/${id}/metadata${path}`, body)).toEqual(answer);
    expect(await metadata()).toEqual(left);
    const { server } = (await member.send<{ server: Json }>('GET', `/servers/${id}`)).body;
    expect(server.metadata).toEqual(left);
    const moves = JSON.stringify(left) !== JSON.stringify({ role: 'web', size: '1' });
    expect(server.updated === '2020-01-01T00:00:00Z').toBe(!moves);
  });

  test('of a key that every object has is one like the others', async () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      const item = JSON.parse(`{"${key}": "x"}`);
      expect(await send('DELETE', `/servers/${id}/metadata/${key}`), key).toEqual(missing('Metadata item was not found'));
      expect(JSON.stringify(await send('PUT', `/servers/${id}/metadata/${key}`, { meta: item }))).toBe(`[200,{"meta":{"${key}":"x"}}]`);
      const [status, body] = await send('POST', `/servers/${id}/metadata`, { metadata: JSON.parse(`{"${key}": "y"}`) });
      expect([status, JSON.stringify(body)]).toEqual([200, expect.stringContaining(`"${key}":"y"`)]);
      expect(await send('DELETE', `/servers/${id}/metadata/${key}`)).toEqual([204, undefined]);
    }
  });

  test('records no action', async () => {
    const actions = async () => (await send('GET', `/servers/${id}/os-instance-actions`))[1];
    const before = await actions();
    await send('POST', `/servers/${id}/metadata`, { metadata: { some: 'thing' } });
    expect(await actions()).toEqual(before);
  });

  test('of the same thing twice, and back again', async () => {
    for (const value of ['a', 'a', 'b']) await send('PUT', `/servers/${id}/metadata/size`, { meta: { size: value } });
    await send('DELETE', `/servers/${id}/metadata/size`);
    await send('POST', `/servers/${id}/metadata`, { metadata: { size: 'c' } });
    expect(await metadata()).toEqual({ role: 'web', size: 'c' });
  });

  test('waits for another one and works on what that has left', async () => {
    const path = `/servers/${id}/metadata`;
    const add = (key: string) => () => send('POST', path, { metadata: { [key]: 'x' } });
    // The other one is committed after the statement has been sent off, and before it reads.
    const lock = 'select uuid, vm_state, launched_at is not null';
    expect(await beforeStatement(lock, add('first'), add('second'))).toMatchObject([200, { metadata: { first: 'x', second: 'x' } }]);
    const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);
    await Promise.all(keys.map((key) => add(key)()));
    expect(Object.keys(await metadata())).toEqual(expect.arrayContaining(keys));
    const whole = keys.map((key) => ({ [key]: 'all', other: key }));
    const answers = await Promise.all(whole.map((each) => send('PUT', path, { metadata: each })));
    expect(answers).toEqual(whole.map((each) => [200, { metadata: each }]));
    expect(whole).toContainEqual(await metadata());
  });
});

describe('a change is refused', () => {
  const routes = [
    ['POST', '', { metadata: { new: 'x' } }, 'update metadata'],
    ['PUT', '', { metadata: { new: 'x' } }, 'update metadata'],
    ['PUT', '/role', { meta: { role: 'x' } }, 'update metadata'],
    ['DELETE', '/role', undefined, 'delete metadata'],
  ] as const;

  async function unchanged(run: () => Promise<void>): Promise<void> {
    const before = await metadata();
    await run();
    expect(await metadata()).toEqual(before);
  }

  test.each(routes)('%s metadata%s: of a server in a state that does not allow it', async (method, path, body, action) => {
    await unchanged(async () => {
      for (const state of ['building', 'error', 'rescued', 'resized', 'shelved', 'soft-delete', 'shelved_offloaded']) {
        await change(`vm_state = '${state}'`);
        const answer = await send(method, `/servers/${id}/metadata${path}`, body);
        expect(answer).toEqual(conflict(`Cannot '${action}' instance ${id} while it is in vm_state ${state}`));
      }
      await change(`vm_state = 'active'`);
    });
    expect(await send(method, `/servers/${buried}/metadata${path}`, body)).toEqual(
      conflict(`Cannot '${action}' instance ${buried} while it is in vm_state error`),
    );
  });

  test.each(routes)('%s metadata%s: not while it does something, nor paused, suspended or stopped', async (method, path, body) => {
    for (const state of ['paused', 'suspended', 'stopped', 'active']) {
      await send('PUT', `/servers/${id}/metadata`, { metadata: { role: state } });
      await change(`vm_state = '${state}', task_state = 'rebooting'`);
      expect((await send(method, `/servers/${id}/metadata${path}`, body))[0], state).toBeLessThan(300);
    }
    await change(`vm_state = 'active', task_state = null`);
  });

  test.each(routes)(
    '%s metadata%s: of one that is locked, but for an admin, and of one that has never run',
    async (method, path, body, action) => {
      const url = `/servers/${id}/metadata${path}`;
      await unchanged(async () => {
        for (const state of ['active', 'error']) {
          await change(`locked = true, vm_state = '${state}'`);
          expect(await send(method, url, body)).toEqual(conflict(`Instance ${id} is locked`));
        }
        await change(`vm_state = 'active', launched_at = null`);
        expect(await send(method, url, body, admin)).toEqual(conflict(`Instance ${id} is in an invalid state for '${action}'`));
      });
      await change('launched_at = now()');
      expect((await send(method, url, body, admin))[0]).toBeLessThan(300);
      await change('locked = false');
    },
  );

  test.each(routes)('%s metadata%s: of one that is being built', async (method, path, body, action) => {
    const pause = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 500, sql: "'mappedTo'" });
    const built = await member.boot({ metadata: { role: 'web' } });
    const answer = await send(method, `/servers/${built}/metadata${path}`, body);
    pause.lift();
    expect(answer).toEqual(conflict(`Cannot '${action}' instance ${built} while it is in vm_state building`));
    await member.settled(built);
    await member.send('DELETE', `/servers/${built}`);
    await comeToRest(cloud.service);
  });

  test.each(routes)('%s metadata%s: of one that is not there, or is another project’s', async (method, path, body) => {
    for (const [server, who] of [
      [randomUUID(), member],
      ['name', member],
      [id, await cloud.newUser()],
    ] as const) {
      const url = `/servers/${server}/metadata${path}`;
      expect(await send(method, url, body, who)).toEqual(missing(`Instance ${server} could not be found.`));
    }
  });

  test('which the limit of the project does not allow; it counts what there would be', async () => {
    await admin.send('PUT', `/os-quota-sets/${member.projectId}`, { body: { quota_set: { metadata_items: 2 } } });
    const over: Reply = [403, { forbidden: { code: 403, message: 'Maximum number of metadata items exceeds 2' } }];
    await unchanged(async () => {
      expect(await send('POST', `/servers/${id}/metadata`, { metadata: { new: 'x' } })).toEqual(over);
      expect(await send('PUT', `/servers/${id}/metadata/new`, { meta: { new: 'x' } })).toEqual(over);
      expect(await send('PUT', `/servers/${id}/metadata`, { metadata: { a: '', b: '', c: '' } })).toEqual(over);
    });
    expect((await send('POST', `/servers/${id}/metadata`, { metadata: { size: '2' } }))[0]).toBe(200);
    expect((await send('PUT', `/servers/${id}/metadata`, { metadata: { a: '', b: '' } }))[0]).toBe(200);
    const [one, two] = await Promise.all(['c', 'd'].map((key) => send('PUT', `/servers/${id}/metadata`, { metadata: { [key]: '' } })));
    expect([one?.[0], two?.[0]]).toEqual([200, 200]);
    const both = await Promise.all(['e', 'f', 'g'].map((key) => send('POST', `/servers/${id}/metadata`, { metadata: { [key]: '' } })));
    expect(both.map(([status]) => status).toSorted()).toEqual([200, 403, 403]);
    await admin.send('PUT', `/os-quota-sets/${member.projectId}`, { body: { quota_set: { metadata_items: -1 } } });
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key ${index}`, 'é'.repeat(100)]));
    expect(await send('PUT', `/servers/${id}/metadata`, { metadata: many })).toEqual([200, { metadata: many }]);
    await admin.send('DELETE', `/os-quota-sets/${member.projectId}`);
  });

  test.each<[string, string, unknown, unknown]>([
    ['POST', '', {}, "'metadata' is a required property"],
    ['POST', '', { metadata: 1 }, expect.stringContaining("1 is not of type 'object'")],
    ['POST', '', { metadata: { a: 1 } }, expect.stringContaining("1 is not of type 'string'")],
    ['POST', '', { metadata: { a: null } }, expect.stringContaining("None is not of type 'string'")],
    ['POST', '', { metadata: { '': 'a' } }, expect.stringContaining('does not match any of the regexes')],
    ['POST', '', { metadata: { 'a/b': 'a' } }, expect.stringContaining('does not match any of the regexes')],
    ['POST', '', { metadata: { ['k'.repeat(256)]: 'a' } }, expect.stringContaining('does not match any of the regexes')],
    ['POST', '', { metadata: { a: 'v'.repeat(256) } }, expect.stringContaining('is too long')],
    ['PUT', '', { metadata: {}, other: 1 }, "Additional properties are not allowed ('other' was unexpected)"],
    ['PUT', '/role', { meta: {} }, 'Invalid input for field/attribute meta. Value: {}. {} should be non-empty'],
    ['PUT', '/role', { meta: { role: 'a', other: 'b' } }, expect.stringMatching(/has too many properties$/)],
    ['PUT', '/role', { metadata: { role: 'a' } }, expect.any(String)],
    ['PUT', '/role', { meta: { other: 'a' } }, 'Request body and URI mismatch'],
    ['PUT', '/toString', { meta: { other: 'a' } }, 'Request body and URI mismatch'],
  ])('%s metadata%s %j', async (method, path, body, message) => {
    await unchanged(async () => {
      expect(await send(method, `/servers/${id}/metadata${path}`, body)).toEqual(badRequest(message));
    });
  });

  test('when there is no such item, whatever the state', async () => {
    for (const server of [id, buried]) {
      expect(await send('DELETE', `/servers/${server}/metadata/none`)).toEqual(missing('Metadata item was not found'));
    }
  });
});
