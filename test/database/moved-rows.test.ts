/**
 * A statement that waits for another one's lock works on the row as that one leaves it, and is judged by what it makes of that row; not by what it would
 * have made of the row as it was when the statement began.
 */
import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  RDSDataClient,
  RollbackTransactionCommand,
} from '@aws-sdk/client-rds-data';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { releaseServers } from '../../database/api/release.ts';
import { query } from '../../database/data-api.ts';
import { type Cloud, startCloud } from '../cloud.ts';
import { forbidMoreThan } from './quota-guard.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4 });
});
afterAll(() => cloud?.stop());

/** Starts `run` while another transaction has changed rows, which it commits once `run` waits for them. */
async function beside<Result>(statements: readonly string[], run: () => Promise<Result>): Promise<Result> {
  const { api } = cloud.service;
  const { clusterArn: resourceArn, secretArn, database } = api;
  const client = new RDSDataClient();
  const { transactionId } = await client.send(new BeginTransactionCommand({ resourceArn, secretArn, database }));
  const held = { resourceArn, secretArn, transactionId };
  try {
    for (const sql of statements) await client.send(new ExecuteStatementCommand({ ...held, database, sql }));
    const running = run();
    running.catch(() => undefined);
    const waits = `select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await expect.poll(async () => (await query<{ count: number }>(api, waits))[0]?.count).toBe(1);
    await client.send(new CommitTransactionCommand(held));
    return await running;
  } catch (error) {
    await client.send(new RollbackTransactionCommand(held)).catch(() => undefined);
    throw error;
  } finally {
    client.destroy();
  }
}

test('a boot that waits for a delete takes the quota that it gives back, and no more', async () => {
  const { api } = cloud.service;
  const user = await cloud.newUser();
  await user.settled(await user.boot());
  await query(api, `insert into quotas (project_id, resource, hard_limit) values (:project, 'instances', 1)`, { project: user.projectId });
  await forbidMoreThan(api, 1);
  const one = `where project_id = '${user.projectId}'`;

  await beside([`update quota_usages set instances = 0 ${one}`], () => user.boot());
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

  await beside(
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
