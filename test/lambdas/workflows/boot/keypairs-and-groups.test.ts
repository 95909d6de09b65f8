/** What a boot takes from key pairs, server groups and the limits on them, over HTTP. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { query } from '../../../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';
import { slowInserts } from '../../../fixtures/slow-inserts.ts';

type Reply = Readonly<Record<string, { id: string; code: number; message: string; members: string[]; [key: string]: unknown }>>;

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());
afterEach(() => cloud.service.dataApi.faults.clear());

const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID+2Xa66O2MvvRhVh5BBtqfFz3h+6rgSKNo7MTzuvt56';
const tiny = { name: 'server', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' };

/** Makes a user whose project is limited by nothing but these. */
async function roomyUser(limits: object = {}): Promise<User> {
  const user = await cloud.newUser();
  const boss = await cloud.newUser('admin', user.projectId);
  const quota_set = { instances: -1, cores: -1, ram: -1, server_groups: -1, server_group_members: -1, ...limits };
  expect((await boss.send('PUT', `/os-quota-sets/${user.projectId}`, { body: { quota_set } })).status).toBe(200);
  return user;
}

async function newGroup(user: User, policy = 'soft-anti-affinity'): Promise<string> {
  const { body } = await user.send<Reply>('POST', '/os-server-groups', { body: { server_group: { name: 'group', policy } } });
  return body.server_group?.id ?? '';
}

function boot(user: User, group: string | undefined, server: object = {}) {
  const hints = group === undefined ? {} : { 'os:scheduler_hints': { group } };
  return user.send<Reply>('POST', '/servers', { body: { server: { ...tiny, ...server }, ...hints } });
}

async function membersOf(user: User, group: string): Promise<string[]> {
  return (await user.send<Reply>('GET', `/os-server-groups/${group}`)).body.server_group?.members ?? [];
}

test('a server has its key pair, wherever it lands and whatever becomes of the key pair', async () => {
  const user = await roomyUser();
  await user.send('POST', '/os-keypairs', { body: { keypair: { name: 'mine', public_key: publicKey } } });
  const [alive, buried] = [
    (await boot(user, undefined, { key_name: 'mine' })).body.server?.id ?? '',
    await cloud.newFlavor({ disk: 1_000 }),
  ];
  const lost = (await boot(user, undefined, { key_name: 'mine', flavorRef: buried })).body.server?.id ?? '';
  await user.send('DELETE', '/os-keypairs/mine');
  expect(await user.settled(alive)).toMatchObject({ status: 'ACTIVE', key_name: 'mine' });
  expect(await user.settled(lost)).toMatchObject({ status: 'ERROR', key_name: 'mine' });
  for (const key_name of ['mine', 'never']) {
    expect(await boot(user, undefined, { key_name })).toMatchObject({
      ...{ status: 400, body: { badRequest: { message: 'Invalid key_name provided.' } } },
    });
  }
});

test('servers join their group in the order of their launch, are shown with it, and leave it when they are deleted', async () => {
  const user = await roomyUser();
  const group = await newGroup(user);
  await boot(user, group, { min_count: 3, max_count: 3 });
  const members = await membersOf(user, group);
  expect(members).toHaveLength(3);
  for (const [index, id] of members.entries()) {
    const server = await user.settled(id);
    expect(server).toMatchObject({ name: `server-${index + 1}`, server_groups: [group] });
  }
  await user.send('DELETE', `/servers/${members[1]}`);
  expect(await membersOf(user, group)).toEqual([members[0], members[2]]);
  await user.send('DELETE', `/os-server-groups/${group}`);
  expect(await user.settled(members[0] ?? '')).toMatchObject({ status: 'ACTIVE', server_groups: [] });
});

test('a group that does not exist, or is of another project, is refused', async () => {
  const [user, stranger] = [await roomyUser(), await roomyUser()];
  for (const group of [randomUUID(), await newGroup(stranger)]) {
    expect(await boot(user, group)).toMatchObject({
      ...{ status: 400, body: { badRequest: { message: `Instance group ${group} could not be found.` } } },
    });
  }
});

test('those who boot at once never pass the limit of members, and each request fits whole or not at all', async () => {
  const user = await roomyUser({ server_group_members: 5 });
  const group = await newGroup(user);
  const boots = () => Promise.all(Array.from({ length: 12 }, () => boot(user, group)));
  const replies = await slowInserts(cloud.database('api'), 'instance_group_member', 20, boots);
  expect(replies.filter(({ status }) => status === 202)).toHaveLength(5);
  const refused = replies.filter(({ status }) => status !== 202);
  for (const reply of refused) {
    expect(reply).toMatchObject({ status: 403, body: { forbidden: { message: 'Quota exceeded, too many servers in group' } } });
  }
  const members = await membersOf(user, group);
  expect(members.toSorted()).toEqual(replies.flatMap(({ body }) => body.server?.id ?? []).toSorted());
  await user.send('DELETE', `/servers/${members[0]}`);
  expect((await boot(user, group, { min_count: 1, max_count: 2 })).status).toBe(403);
  expect(await membersOf(user, group)).toHaveLength(4);
  expect((await boot(user, group)).status).toBe(202);
  expect((await boot(user, undefined)).status).toBe(202);
});

test('an acceptance that is sent twice makes one member', async () => {
  const user = await roomyUser({ server_group_members: 1 });
  const group = await newGroup(user);
  const lost = cloud.service.dataApi.faults.add({
    ...{ sql: 'insert into build_requests', kind: 'after', error: 'InternalServerErrorException', nth: 1 },
  });
  const { status, body } = await boot(user, group);
  expect([status, lost.hits]).toEqual([202, 1]);
  expect(await membersOf(user, group)).toEqual([body.server?.id]);
});

test('a limit that is lowered while servers are booted never ends below its use', async () => {
  const user = await cloud.newUser();
  const boss = await cloud.newUser('admin', user.projectId);
  const lower = () => boss.send('PUT', `/os-quota-sets/${user.projectId}`, { body: { quota_set: { instances: 3 } } });
  await slowInserts(cloud.database('api'), 'quotas', 150, () =>
    Promise.all([lower(), ...Array.from({ length: 6 }, () => boot(user, undefined))]),
  );
  const { body } = await user.send<Reply>('GET', `/os-quota-sets/${user.projectId}/detail`);
  const found = [3, 6].map((count) => ({ limit: count === 3 ? 3 : 10, in_use: count, reserved: 0 }));
  expect(found).toContainEqual(body.quota_set?.instances);
});

test('the limit of metadata is that of the project', async () => {
  const user = await roomyUser({ metadata_items: 1 });
  expect((await boot(user, undefined, { metadata: { a: '1' } })).status).toBe(202);
  expect(await boot(user, undefined, { metadata: { a: '1', b: '2' } })).toMatchObject({
    ...{ status: 403, body: { forbidden: { message: 'Maximum number of metadata items exceeds 1' } } },
  });
});

test('boots, deletes and removals of groups at once leave nothing behind and never lock each other out', async () => {
  const user = await roomyUser();
  for (let round = 0; round < 3; round++) {
    const group = await newGroup(user);
    await Promise.all(Array.from({ length: 6 }, () => boot(user, group, { min_count: 2, max_count: 2 })));
    const replies = await Promise.all([
      ...(await membersOf(user, group)).map((id) => user.send('DELETE', `/servers/${id}`)),
      user.send('DELETE', `/os-server-groups/${group}`),
      ...Array.from({ length: 4 }, () => boot(user, group)),
    ]);
    expect(replies.filter(({ status }) => status >= 500)).toEqual([]);
  }
  await cloud.service.workflow.drain();
  const orphans = `
    select instance_uuid from instance_group_member join instance_mappings using (instance_uuid) where queued_for_delete
    union select instance_uuid from instance_group_member m left join instance_mappings using (instance_uuid) where project_id is null`;
  expect(await query(cloud.service.api, orphans)).toEqual([]);
});
