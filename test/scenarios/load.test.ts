/** Many at once, where there is hardly capacity and hardly quota left: neither is ever passed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../../compute/audit/audit.ts';
import { query } from '../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { forbidMoreThan } from '../fixtures/quota-guard.ts';
import { comeToRest } from '../fixtures/rest.ts';

/** Servers of 1 vCPU that the four hosts hold. */
const capacity = 64;
const quota = 40;
const users = 2;
const bootsEach = 100;

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

test('200 boots and deletes in parallel pass neither the capacity of the hosts nor the quota', { timeout: 120_000 }, async () => {
  const api = cloud.database('api');
  await forbidMoreThan(api, quota);
  const people = await Promise.all(Array.from({ length: users }, () => cloud.newUser()));
  for (const { projectId } of people) {
    await query(
      api,
      `insert into quotas (project_id, resource, hard_limit) select :project, key, value::int
       from jsonb_each_text('{"instances": ${quota}, "cores": -1, "ram": -1}')`,
      { project: projectId },
    );
  }
  const answers = await Promise.all(
    people.flatMap((user) =>
      Array.from({ length: bootsEach }, async (_, index) => {
        const id = await user.boot().catch((error: Error) => {
          expect(error.message).toContain('Quota exceeded for instances');
          return undefined;
        });
        const removed = id !== undefined && index % 3 === 0;
        if (removed) expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
        return { accepted: id !== undefined, removed };
      }),
    ),
  );
  await comeToRest(cloud.service);
  const living = answers.filter(({ accepted, removed }) => accepted && !removed).length;
  const [counts] = await query<{ mapped: number; claimed: number }>(
    api,
    `select (select count(*) from instance_mappings where not queued_for_delete) as mapped,
       (select sum(used)::int from inventories where resource_class = 'VCPU') as claimed`,
  );
  expect(counts?.mapped).toBe(living);
  // Who finds the last capacity held by a server that is about to be deleted is buried, so a little may be left.
  expect(counts?.claimed).toBeLessThanOrEqual(capacity);
  expect(counts?.claimed).toBeGreaterThan(Math.min(living, capacity) * 0.8);
  expect((await audit(api, { settled: true })).findings).toEqual([]);
});
