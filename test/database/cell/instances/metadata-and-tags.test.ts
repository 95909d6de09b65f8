/** A change of metadata or tags that waits for another one: it works on what that has left, and so does its count. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deleteInstance } from '../../../../database/cell/instances/delete.ts';
import {
  type Change,
  changeMetadata,
  changeTags,
  type Metadata,
  type Tags,
} from '../../../../database/cell/instances/metadata-and-tags.ts';
import type { Database } from '../../../../database/data-api/client.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../../fixtures/cloud.ts';
import { afterChanges } from '../../../fixtures/meet-transaction.ts';

let cloud: Cloud;
let cell: Database;
let id: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  cell = cloud.database('cell1');
  const user = await cloud.newUser();
  id = await user.boot({ metadata: { role: 'web', size: '1' }, tags: ['blue', 'green'] });
  await user.settled(id);
});
afterAll(() => cloud?.stop());

const conditions = { vm_states: ['active'], launched: true, unlocked: true, most: 3 } as const;

const metadata = (change: Change<Metadata>) => changeMetadata(cell, id, change, conditions, randomUUID());
const tags = (change: Change<Tags>, requestId: string = randomUUID()) => changeTags(cell, id, change, conditions, requestId);

/** Sends a change while another one goes on. */
async function meanwhile<Result>(other: string, run: () => Promise<Result>): Promise<Result> {
  const lock = `update instances set updated_at = now() where uuid = '${id}'`;
  return afterChanges(cell, [lock, other], run);
}

const insert = (key: string) => `insert into instance_metadata (instance_uuid, key, value) values ('${id}', '${key}', 'x')`;
const tag = (name: string) => `insert into tags (resource_id, tag) values ('${id}', '${name}')`;

test('metadata', async () => {
  const added = await meanwhile(insert('other'), () => metadata({ add: { role: 'db' } }));
  expect(added).toMatchObject({ after: { role: 'db', size: '1', other: 'x' }, done: true });
  const tooMany = await meanwhile(`update instance_metadata set value = 'y' where key = 'other'`, () => metadata({ add: { new: 'x' } }));
  expect(tooMany).toMatchObject({ before: { other: 'y' }, done: false });
  const removed = await meanwhile(`update instance_metadata set deleted = id where key = 'other'`, () => metadata({ remove: 'other' }));
  expect(removed).toMatchObject({ before: { role: 'db', size: '1' }, done: false });
  const replaced = await meanwhile(insert('late'), () => metadata({ replace: { only: 'x' } }));
  expect(replaced).toMatchObject({ before: { late: 'x' }, after: { only: 'x' }, done: true });
  expect(await query(cell, `select key, value from instance_metadata where deleted = 0`)).toEqual([{ key: 'only', value: 'x' }]);
});

test('tags', async () => {
  expect(await meanwhile(tag('other'), () => tags({ add: ['blue'] }))).toMatchObject({ after: ['blue', 'green', 'other'], done: false });
  expect(await meanwhile('select 1', () => tags({ add: ['more'] }))).toMatchObject({ before: ['blue', 'green', 'other'], done: false });
  expect(await meanwhile(`delete from tags where tag = 'other'`, () => tags({ remove: 'other' }))).toMatchObject({ done: false });
  expect(await meanwhile(tag('late'), () => tags({ replace: ['only'] }))).toMatchObject({ after: ['only'], done: true });
  expect(await query(cell, 'select tag from tags')).toEqual([{ tag: 'only' }]);
});

test('a server that is deleted meanwhile is not changed', async () => {
  const gone = `update instances set deleted = id where uuid = '${id}'`;
  expect(await meanwhile(gone, () => tags({ add: ['after'] }))).toBeUndefined();
  await query(cell, 'update instances set deleted = 0');
});

test('a statement that is sent twice says what it did, also when it is undone by then; another request is another change', async () => {
  const request = randomUUID();
  const first = await tags({ replace: ['a', 'b'] }, request);
  expect(first).toMatchObject({ after: ['a', 'b'], done: true });
  expect(await tags({ replace: ['a', 'b'] }, request)).toMatchObject({ done: true });
  expect(await tags({ replace: ['a', 'b'] })).toMatchObject({ done: false });
  await query(cell, `update instances set locked = true, vm_state = 'error'`);
  expect(await tags({ replace: ['a', 'b'] }, request)).toMatchObject({ done: true });
  expect(await tags({ replace: ['c'] })).toMatchObject({ done: false, locked: true, vm_state: 'error' });
});

test('a delete that waits for a change takes away what that has left', async () => {
  const lock = `update instances set updated_at = now() where uuid = '${id}'`;
  const by = { requestId: 'req-delete', userId: 'user', projectId: 'project', force: true };
  const deletion = await afterChanges(cell, [lock, insert('last'), tag('last')], () => deleteInstance(cell, id, by));
  expect(deletion).toMatchObject({ locked: false });
  expect(await query(cell, 'select tag from tags')).toEqual([]);
  expect(await query(cell, 'select key from instance_metadata where deleted = 0')).toEqual([]);
  expect(await query(cell, `select key from instance_metadata where key = 'last'`)).toEqual([{ key: 'last' }]);
});
