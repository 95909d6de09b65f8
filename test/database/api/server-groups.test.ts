/** Server groups: how many a project may have, whose they are, and who their members are. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createServerGroup, deleteServerGroup, findServerGroup, listServerGroups } from '../../../database/api/server-groups.ts';
import { removeBuildRequest } from '../../../database/api/servers/build-requests.ts';
import { query } from '../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';
import { sql } from '../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(() => fixture.addHosts({ cells: 1, hosts: 0 }));
beforeEach(() => query(fixture.api, 'truncate quotas, quota_usages'));

const groupOf = (name: string, project_id = 'project', uuid = randomUUID()) => ({
  ...{ uuid, name, project_id, user_id: 'user', policy: 'anti-affinity' as const, rules: { max_server_per_host: 2 } },
});
const all = { offset: 0, limit: 100 };
const names = async (project: string | null, page = all) => (await listServerGroups(fixture.api, project, page)).map(({ name }) => name);

test('a group is added while its project has fewer than the limit', async () => {
  const group = groupOf('a');
  expect(await createServerGroup(fixture.api, group, 2)).toBe(true);
  expect(await findServerGroup(fixture.api, group.uuid)).toEqual({ ...group, members: [] });
  expect(await createServerGroup(fixture.api, groupOf('other', 'other'), 1)).toBe(true);
  expect(await createServerGroup(fixture.api, groupOf('b'), 2)).toBe(true);
  expect(await changesNothing(fixture.api, () => createServerGroup(fixture.api, groupOf('c'), 2))).toBe(false);
  const last = groupOf('c');
  expect(await createServerGroup(fixture.api, last, 3)).toBe(true);
  expect(await findServerGroup(fixture.api, last.uuid)).toMatchObject({ name: 'c' });
  expect(await findServerGroup(fixture.api, randomUUID())).toBeUndefined();
});

test('a limit of 0 lets none be added, one of -1 any number, and the project’s own counts first', async () => {
  expect(await createServerGroup(fixture.api, groupOf('a'), 0)).toBe(false);
  expect(await createServerGroup(fixture.api, groupOf('a'), -1)).toBe(true);
  await query(fixture.api, `insert into quotas (project_id, resource, hard_limit) values ('project', 'server_groups', 1)`);
  expect(await createServerGroup(fixture.api, groupOf('b'), 9)).toBe(false);
});

test('sent twice, a group is added once, also at the limit', async () => {
  const group = groupOf('a');
  await createServerGroup(fixture.api, group, 1);
  expect(await changesNothing(fixture.api, () => createServerGroup(fixture.api, group, 1))).toBe(true);
  expect(await changesNothing(fixture.api, () => createServerGroup(fixture.api, group, 9))).toBe(true);
});

test('a page of groups is in the order in which they were made', async () => {
  for (const name of ['b', 'a', 'c']) await createServerGroup(fixture.api, groupOf(name), 9);
  await createServerGroup(fixture.api, groupOf('d', 'other'), 9);
  expect(await names('project')).toEqual(['b', 'a', 'c']);
  expect(await names('other')).toEqual(['d']);
  expect(await names(null)).toEqual(['b', 'a', 'c', 'd']);
  expect(await names('project', { offset: 1, limit: 1 })).toEqual(['a']);
  expect(await names('project', { offset: 0, limit: 2 })).toEqual(['b', 'a']);
  expect(await names('project', { offset: 3, limit: 2 })).toEqual([]);
});

test('groups that one answer does not hold are read on', async () => {
  await query(
    fixture.api,
    `with made as (
       insert into instance_groups (uuid, user_id, project_id, name)
       select gen_random_uuid(), 'user', 'project', repeat('x', 30000) || n from generate_series(1, 60) n returning id)
     insert into instance_group_policy (group_id, policy) select id, 'affinity' from made`,
  );
  const found = await names('project', { offset: 1, limit: 58 });
  expect(found.map((name) => name.replaceAll('x', ''))).toEqual(Array.from({ length: 58 }, (_, index) => String(index + 2)));
});

test('members are the servers that live, in the order in which they joined', async () => {
  const [group, other] = [groupOf('a'), groupOf('b')];
  for (const each of [group, other]) await createServerGroup(fixture.api, each, 9);
  const [one = '', two = '', three = ''] = (await fixture.accept(3, { group: group.uuid })).servers;
  await fixture.accept(1, { group: other.uuid });
  await query(fixture.api, 'delete from instance_group_member where instance_uuid in (:one::uuid, :three::uuid)', { one, three });
  for (const server of [three, one]) {
    await query(
      fixture.api,
      'insert into instance_group_member (group_id, instance_uuid) select id, :server::uuid from instance_groups where uuid = :group::uuid',
      { server, group: group.uuid },
    );
  }
  expect((await findServerGroup(fixture.api, group.uuid))?.members).toEqual([two, three, one]);
  await query(fixture.api, 'update instance_mappings set queued_for_delete = true where instance_uuid = :three::uuid', { three });
  expect((await findServerGroup(fixture.api, group.uuid))?.members).toEqual([two, one]);
});

test('a group is removed with its members, and no other', async () => {
  const [mine, other, third] = [groupOf('a'), groupOf('b', 'other'), groupOf('c')];
  for (const group of [mine, other, third]) await createServerGroup(fixture.api, group, 9);
  const { servers } = await fixture.accept(1, { group: mine.uuid });
  await changesNothing(fixture.api, () => deleteServerGroup(fixture.api, randomUUID()));
  await deleteServerGroup(fixture.api, mine.uuid);
  expect(await names(null)).toEqual(['b', 'c']);
  await changesNothing(fixture.api, () => deleteServerGroup(fixture.api, mine.uuid));
  await deleteServerGroup(fixture.api, other.uuid);
  expect(await names(null)).toEqual(['c']);
  expect(await sql(fixture, 'select * from instance_group_member')).toEqual([]);
  expect(await sql(fixture, 'select policy from instance_group_policy')).toEqual([{ policy: 'anti-affinity' }]);
  expect(await removeBuildRequest(fixture.api, servers[0] ?? ''), 'its server lives on, and ends').toBe(true);
});

test('a server that ends leaves its group, and no other server does', async () => {
  const group = groupOf('a');
  await createServerGroup(fixture.api, group, 9);
  const { servers } = await fixture.accept(2, { group: group.uuid });
  const [gone = '', stays = ''] = servers;
  await query(fixture.api, `insert into quota_usages (project_id, instances, cores, ram) values ('project', 2, 2, 1024)`);
  await removeBuildRequest(fixture.api, gone);
  expect((await findServerGroup(fixture.api, group.uuid))?.members).toEqual([stays]);
});
