/** What begins in a cell just after the reaper looked there: it was noted before, and stays noted, though an older note of the server was due. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { reap } from '../../../compute/reaper/reap.ts';
import { deleteServer } from '../../../compute/servers/delete-server.ts';
import { serverActions } from '../../../compute/servers/tasks/actions.ts';
import { beginAction } from '../../../compute/servers/tasks/begin-action.ts';
import { query } from '../../../database/data-api/client.ts';
import { beforeStatement } from '../../fixtures/before-statement.ts';
import { type Cloud, startCloud, type User } from '../../fixtures/cloud.ts';

const silence = 180;
/** Hosts that begin and never report. */
const driver = simulatedDriver({ ...noFailures, reportAfter: 0 }, async () => undefined);

let cloud: Cloud;
let user: User;
let server: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
});
afterAll(() => cloud?.stop());
beforeEach(async () => {
  user = await cloud.newUser();
  server = await user.boot();
  await user.settled(server);
  await cloud.service.workflow.drain();
  await age(silence);
});

const age = (seconds: number) =>
  query(
    cloud.service.api,
    `update pending_cleanups set created_at = now() - make_interval(secs => :seconds), noted_at = now() - make_interval(secs => :seconds)`,
    { seconds },
  );
const runReaper = () => reap({ api: cloud.service.api, driver, startBoot: async () => undefined, silence });
const caller = () => ({ userId: user.userId, projectId: user.projectId, userName: 'u', projectName: 'p', roles: ['member'] });
const count = async (table: 'pending_cleanups' | 'allocations', key: string) => {
  const [found] = await query<{ count: number }>(
    cloud.service.api,
    `select count(*)::int as count from ${table} where ${key} = :server::uuid`,
    { server },
  );
  return found?.count;
};
const noted = () => count('pending_cleanups', 'instance_uuid');

test('a task is still noted', async () => {
  const action = serverActions.pause;
  await beforeStatement('accepted as', runReaper, () =>
    beginAction(cloud.service.api, driver, { caller: caller(), requestId: `req-${randomUUID()}`, server, action }),
  );
  expect(await noted()).toBe(1);
});

test('a deleted server is still noted, and keeps its place while its host ends it', async () => {
  const remove = () => deleteServer(cloud.service.api, driver, caller(), `req-${randomUUID()}`, server);
  await beforeStatement('gone as', runReaper, remove);
  expect(await noted()).toBe(1);
  await runReaper();
  expect(await count('allocations', 'consumer_id')).toBe(3);
});

test('when nothing began, the note goes with the next look', async () => {
  await beforeStatement('accepted as', runReaper, async () => {
    const action = serverActions.unpause;
    const refused = beginAction(cloud.service.api, driver, { caller: caller(), requestId: `req-${randomUUID()}`, server, action });
    await expect(refused).rejects.toThrow('vm_state active');
  });
  expect(await noted()).toBe(1);
  await age(silence);
  await query(cloud.service.api, 'update pending_cleanups set due_at = now()');
  await runReaper();
  expect(await noted()).toBe(0);
});
