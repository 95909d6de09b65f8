/** Server groups over HTTP. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { slowInserts } from '../../../../fixtures/slow-inserts.ts';

interface Group {
  id: string;
  name: string;
  members: string[];
  policy?: string;
  policies?: string[];
  rules?: object;
  metadata?: object;
  project_id?: string;
  user_id?: string;
}
interface FaultBody {
  [name: string]: { code: number; message: string };
}
type OneBody = { server_group: Group } & FaultBody;
type ListBody = { server_groups: Group[] } & FaultBody;

let cloud: Cloud;
let user: User;
let admin: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 0 });
  user = await cloud.newUser();
  admin = await cloud.newUser('admin');
});
afterAll(() => cloud?.stop());
afterEach(() => cloud.service.dataApi.faults.clear());

const path = '/os-server-groups';
const add = (who: User, group: object = {}, microversion = 100) =>
  who.send<OneBody>('POST', path, { body: { server_group: { name: 'group', policy: 'affinity', ...group } }, microversion });
const addOld = (who: User, policies: unknown, microversion: number) =>
  who.send<OneBody>('POST', path, { body: { server_group: { name: 'group', policies } }, microversion });
const list = async (who: User, search = '', microversion = 100) =>
  (await who.send<ListBody>('GET', path + search, { microversion })).body.server_groups;
const remove = (who: User, id: string) => who.send<FaultBody>('DELETE', `${path}/${id}`);

test('a group is made, shown, listed and removed', async () => {
  const made = await add(user, { name: 'apart', policy: 'anti-affinity', rules: { max_server_per_host: '3' } });
  expect(made.status).toBe(200);
  const group = made.body.server_group;
  expect(group).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    ...{ name: 'apart', policy: 'anti-affinity', rules: { max_server_per_host: 3 }, members: [] },
    ...{ project_id: user.projectId, user_id: user.userId },
  });
  expect(await user.send('GET', `${path}/${group.id}`)).toMatchObject({ status: 200, body: { server_group: group } });
  expect(await list(user)).toEqual([group]);
  expect((await remove(user, group.id)).status).toBe(204);
  for (const method of ['GET', 'DELETE']) {
    expect(await user.send('GET', `${path}/${group.id}`), method).toMatchObject({
      status: 404,
      body: { itemNotFound: { code: 404, message: `Instance group ${group.id} could not be found.` } },
    });
  }
  expect(await list(user)).toEqual([]);
});

test.each([1, 12, 13, 14, 15, 63, 64, 100])('the body is that of 2.%i', async (microversion) => {
  const modern = microversion >= 64;
  const { status, body } = modern ? await add(user, {}, microversion) : await addOld(user, ['affinity'], microversion);
  expect(status).toBe(200);
  const owners = microversion >= 13 ? { project_id: user.projectId, user_id: user.userId } : {};
  const policy = modern ? { policy: 'affinity', rules: {} } : { policies: ['affinity'], metadata: {} };
  const { id } = body.server_group;
  expect(body.server_group).toEqual({ id, name: 'group', members: [], ...owners, ...policy });
  expect(await list(user, '', microversion)).toEqual([body.server_group]);
  expect((await user.send<OneBody>('GET', `${path}/${id}`, { microversion })).body.server_group).toEqual(body.server_group);
  await remove(user, id);
});

test.each([
  ['a wish before 2.15', ['soft-affinity'], 14, 400],
  ['a wish', ['soft-affinity'], 15, 200],
  ['two policies', ['affinity', 'anti-affinity'], 15, 400],
  ['no policy', [], 15, 400],
  ['an unknown policy', ['legacy'], 15, 400],
  ['a text', 'affinity', 15, 400],
  ['a list from 2.64 on', ['affinity'], 64, 400],
])('%s is answered: %j at 2.%i with %i', async (_, policies, microversion, status) => {
  const reply = await addOld(user, policies, microversion);
  expect(reply.status).toBe(status);
  if (status === 200) await remove(user, reply.body.server_group.id);
});

test.each([
  ['rules of affinity', { rules: { max_server_per_host: 2 } }, 'Only anti-affinity policy supports rules.'],
  ['no host', { policy: 'anti-affinity', rules: { max_server_per_host: 0 } }, 'is less than the minimum of 1'],
  ['an unknown rule', { policy: 'anti-affinity', rules: { colour: 'red' } }, "'colour' was unexpected"],
  ['an unknown policy', { policy: 'legacy' }, "'legacy' is not one of"],
  ['an empty name', { name: '' }, "'' is too short"],
  ['both forms', { policies: ['affinity'] }, "'policies' was unexpected"],
])('%s is refused', async (_, group, message) => {
  const { status, body } = await add(user, group);
  expect(status).toBe(400);
  expect(body.badRequest?.message).toContain(message);
});

test('members are the living ones, in the order in which they joined', async () => {
  const { id } = (await add(user)).body.server_group;
  const [first, dead, last] = [randomUUID(), randomUUID(), randomUUID()];
  await query(
    cloud.service.api,
    `with servers as (select value::uuid as uuid, position from jsonb_array_elements_text(:servers::jsonb) with ordinality as s (value, position)),
     mapped as (
       insert into instance_mappings (instance_uuid, project_id, user_id, queued_for_delete)
       select uuid, 'p', 'u', uuid = :dead::uuid from servers)
     insert into instance_group_member (group_id, instance_uuid)
     select g.id, servers.uuid from servers cross join instance_groups g where g.uuid = :group::uuid order by position`,
    { servers: [first, dead, last], dead, group: id },
  );
  expect((await user.send<OneBody>('GET', `${path}/${id}`)).body.server_group.members).toEqual([first, last]);
  expect((await list(user))[0]?.members).toEqual([first, last]);
  expect((await remove(user, id)).status).toBe(204);
  expect(await query(cloud.service.api, 'select * from instance_group_member')).toEqual([]);
});

test("another project's groups are out of reach, but not for an admin", async () => {
  const { id } = (await add(user)).body.server_group;
  const stranger = await cloud.newUser();
  for (const [action, method] of [
    ['show', 'GET'],
    ['delete', 'DELETE'],
  ] as const) {
    expect(await stranger.send(method, `${path}/${id}`)).toMatchObject({
      status: 403,
      body: { forbidden: { message: `Policy doesn't allow os_compute_api:os-server-groups:${action} to be performed.` } },
    });
  }
  const ids = async (who: User, search = '') => (await list(who, search)).map((group) => group.id);
  expect(await ids(stranger, '?all_projects=true')).toEqual([]);
  expect(await ids(admin)).toEqual([]);
  expect(await ids(admin, '?all_projects')).toContain(id);
  expect((await admin.send('GET', `${path}/${id}`)).status).toBe(200);
  expect((await remove(admin, id)).status).toBe(204);
  expect((await remove(user, 'no-uuid')).body.itemNotFound?.message).toBe('Instance group no-uuid could not be found.');
});

test('a reader looks and does not touch', async () => {
  const { id } = (await add(user)).body.server_group;
  const reader = await cloud.newUser('reader', user.projectId);
  expect((await reader.send('GET', `${path}/${id}`)).status).toBe(200);
  expect(await list(reader)).toHaveLength(1);
  expect((await add(reader)).status).toBe(403);
  expect((await remove(reader, id)).status).toBe(403);
  expect(await list(user), 'still there').toHaveLength(1);
  await remove(user, id);
});

test('a list has an offset and a limit', async () => {
  const lister = await cloud.newUser();
  for (const name of ['a', 'b', 'c', 'd']) await add(lister, { name });
  const names = async (search: string) => (await list(lister, search)).map(({ name }) => name);
  expect(await names('?limit=2')).toEqual(['a', 'b']);
  expect(await names('?limit=2&offset=1')).toEqual(['b', 'c']);
  expect(await names('?offset=3')).toEqual(['d']);
  expect(await names('?offset=99999999999999999999')).toEqual([]);
  expect(await names('?limit=0')).toEqual(['a', 'b', 'c', 'd']);
  expect((await lister.send('GET', `${path}?limit=x`)).status).toBe(400);
  expect((await lister.send('GET', `${path}?colour=red`)).status).toBe(400);
  expect((await lister.send('GET', `${path}?colour=red`, { microversion: 74 })).status).toBe(200);
});

test('creators at once never pass the limit', async () => {
  const busy = await cloud.newUser();
  const creators = () => Promise.all(Array.from({ length: 25 }, () => add(busy)));
  const replies = await slowInserts(cloud.database('api'), 'instance_groups', 30, creators);
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(10);
  const refused = replies.filter(({ status }) => status === 403);
  expect(refused).toHaveLength(15);
  for (const { body } of refused) expect(body.forbidden?.message).toBe('Quota exceeded, too many server groups.');
  const [first] = await list(busy, '?limit=1');
  await remove(busy, first?.id ?? '');
  expect((await add(busy)).status).toBe(200);
  expect((await add(busy)).status).toBe(403);
  expect((await busy.send<{ limits: { absolute: object } }>('GET', '/limits')).body.limits.absolute).toMatchObject({
    ...{ maxServerGroups: 10, totalServerGroupsUsed: 10 },
  });
});

test('a statement that is sent twice adds one group', async () => {
  const lost = cloud.service.dataApi.faults.add({
    ...{ sql: 'insert into instance_groups', kind: 'after', error: 'InternalServerErrorException', nth: 1 },
  });
  const lonely = await cloud.newUser();
  const { status, body } = await add(lonely);
  expect(status).toBe(200);
  expect(lost.hits).toBe(1);
  expect(await list(lonely)).toEqual([body.server_group]);
});
