/** Key pairs of users: how many there may be, whose they are, and what a request that is sent twice finds. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createKeyPair, deleteKeyPair, findKeyPair, listKeyPairs } from '../../../database/api/keypairs.ts';
import { query } from '../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(() => query(fixture.api, 'truncate key_pairs, quotas'));

let requests = 0;
const key = { type: 'ssh', fingerprint: 'aa:bb', public_key: 'ssh-rsa AAAA' } as const;
const create = (name: string, fallback = 100, { user = 'one', id = `req-${requests++}` } = {}) =>
  createKeyPair(fixture.api, { ...key, user_id: user, name }, { id, projectId: 'project' }, fallback);
const names = async (user = 'one', marker: string | null = null, limit: number | null = null) =>
  (await listKeyPairs(fixture.api, user, { marker, limit }))?.map(({ name }) => name);
const limit = (hardLimit: number, project = 'project') =>
  query(fixture.api, `insert into quotas (project_id, resource, hard_limit) values (:project, 'key_pairs', :hardLimit::int)`, {
    hardLimit,
    project,
  });

test('a key pair is added while its user has fewer than the limit', async () => {
  expect(await create('a', 2)).toEqual({ keyPair: expect.objectContaining({ ...key, user_id: 'one', name: 'a' }), full: false });
  expect((await create('b', 2)).keyPair?.name).toBe('b');
  expect(await changesNothing(fixture.api, () => create('c', 2))).toEqual({ keyPair: null, full: true });
  expect((await create('c', 3)).keyPair?.name).toBe('c');
});

test('another user’s key pairs do not count', async () => {
  await create('a', 1, { user: 'other' });
  expect((await create('a', 1)).keyPair?.name).toBe('a');
});

test('a limit of 0 lets none be added, one of -1 any number', async () => {
  expect(await create('a', 0)).toEqual({ keyPair: null, full: true });
  expect(await create('a', -1)).toMatchObject({ keyPair: { name: 'a' }, full: false });
  expect(await create('b', -1)).toMatchObject({ keyPair: { name: 'b' }, full: false });
});

test('the limit of the project counts before the default', async () => {
  await limit(1);
  await limit(0, 'other');
  expect((await create('a', 0)).keyPair?.name).toBe('a');
  expect(await create('b', 9)).toEqual({ keyPair: null, full: true });
});

test('a name is the user’s once; the request that took it gets the same answer again, also at the limit', async () => {
  const first = await create('a', 1, { id: 'req' });
  expect(await changesNothing(fixture.api, () => create('a', 1, { id: 'req' }))).toEqual({ keyPair: first.keyPair, full: true });
  expect(await changesNothing(fixture.api, () => create('a', 9))).toEqual({ keyPair: null, full: false });
  await create('a', 9, { user: 'other', id: 'req' });
  expect((await create('b', 9, { id: 'req' })).keyPair?.name).toBe('b');
});

test('pages begin after their marker and hold as many as asked for', async () => {
  for (const name of ['b', 'a', 'd', 'c']) await create(name);
  await create('aa', 9, { user: 'other' });
  expect(await names()).toEqual(['a', 'b', 'c', 'd']);
  expect(await names('one', null, 2)).toEqual(['a', 'b']);
  expect(await names('one', 'b', 1)).toEqual(['c']);
  expect(await names('one', 'b')).toEqual(['c', 'd']);
  expect(await names('one', 'd', 1)).toEqual([]);
  expect(await names('one', null, 0)).toEqual([]);
  expect(await names('one', 'aa')).toBeUndefined();
  expect(await names('nobody')).toEqual([]);
});

test('a list that one answer does not hold is read on', async () => {
  const public_key = 'x'.repeat(16_000);
  for (let number = 10; number < 90; number++) {
    await createKeyPair(
      fixture.api,
      { ...key, public_key, user_id: 'one', name: `key${number}` },
      { id: `big-${number}`, projectId: 'project' },
      -1,
    );
  }
  expect(await names()).toHaveLength(80);
  expect(await names('one', 'key19', 70)).toHaveLength(70);
});

test('a key pair is found and removed by its user and its name', async () => {
  await create('a');
  await create('a', 9, { user: 'other' });
  await create('b');
  expect(await findKeyPair(fixture.api, 'one', 'a')).toMatchObject({ user_id: 'one', name: 'a' });
  expect(await findKeyPair(fixture.api, 'nobody', 'a')).toBeUndefined();
  expect(await findKeyPair(fixture.api, 'one', 'c')).toBeUndefined();
  await changesNothing(fixture.api, () => deleteKeyPair(fixture.api, 'one', 'c'));
  await changesNothing(fixture.api, () => deleteKeyPair(fixture.api, 'nobody', 'a'));
  await deleteKeyPair(fixture.api, 'one', 'a');
  expect([await names(), await names('other')]).toEqual([['b'], ['a']]);
});
