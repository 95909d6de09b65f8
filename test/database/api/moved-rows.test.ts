/**
 * A statement that waits for another one's lock works on the row as that one leaves it, and is checked by what it makes of that row; not by what it would
 * have made of the row as it was when the statement began.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { releaseServers } from '../../../database/api/servers/release.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { afterChanges, beside } from '../../fixtures/meet-transaction.ts';
import { forbidMoreThan } from '../../fixtures/quota-guard.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4 });
});
afterAll(() => cloud?.stop());

test('a boot that waits for a delete takes the quota that it releases, and no more', async () => {
  const api = cloud.database('api');
  const user = await cloud.newUser();
  await user.settled(await user.boot());
  await query(api, `insert into quotas (project_id, resource, hard_limit) values (:project, 'instances', 1)`, { project: user.projectId });
  await forbidMoreThan(api, 1);
  const one = `where project_id = '${user.projectId}'`;

  await afterChanges(api, [`update quota_usages set instances = 0 ${one}`], () => user.boot());
  expect(await query(api, `select instances from quota_usages ${one}`)).toEqual([{ instances: 1 }]);
  await expect(user.boot()).rejects.toThrow('Quota exceeded for instances');
});

test('a delete that waits for a claim on the move frees the host it moved to', async () => {
  const { api } = cloud.service;
  const user = await cloud.newUser();
  const server = await user.boot();
  await user.settled(server);
  const allocations = `allocations where consumer_id = '${server}'`;
  const [before] = await query<{ id: number }>(api, `select distinct resource_provider_id as id from ${allocations}`);
  const [empty] = await query<{ id: number }>(api, `select min(resource_provider_id) as id from inventories where used = 0`);
  const share = (provider: number | undefined, sign: string) =>
    `update inventories i set used = i.used ${sign} a.used from (select resource_class, used from ${allocations}) a
     where i.resource_class = a.resource_class and i.resource_provider_id = ${provider}`;

  await afterChanges(
    api,
    [
      share(before?.id, '-'),
      share(empty?.id, '+'),
      `update allocations set resource_provider_id = ${empty?.id} where consumer_id = '${server}'`,
    ],
    () => releaseServers(api, [server]),
  );
  expect(await query(api, `select * from ${allocations}`)).toEqual([]);
  expect(await query(api, `select used from inventories where resource_provider_id = ${empty?.id}`)).toEqual(
    Array.from({ length: 3 }, () => ({ used: 0 })),
  );
});

test('a statement that PostgreSQL undoes because of a deadlock is sent again', async () => {
  const { api } = cloud.service;
  const [first = 0, second = 0] = (await query<{ id: number }>(api, 'select id from inventories order by id limit 2')).map(({ id }) => id);
  const lock = (id: number) => `select id from inventories where id = ${id} for update`;
  const rows = await beside(api, async ({ execute, blocks, commit }) => {
    await execute(lock(first));
    const running = query(api, `with one as (${lock(second)}), two as (${lock(first)}) select one.id as one, two.id as two from one, two`);
    running.catch(() => undefined);
    await blocks(1);
    // The one that has waited for longer finds the deadlock, and is undone.
    await execute(lock(second));
    await commit();
    return running;
  });
  expect(rows).toEqual([{ one: second, two: first }]);
});
