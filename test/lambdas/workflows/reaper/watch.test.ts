/** The watch: nothing is begun without it, one serves a whole minute, and it comes again only as long as something is unfinished. */
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { query } from '../../../../database/data-api/client.ts';
import { setting } from '../../../../lambdas/shared/environment.ts';
import { handler as reap } from '../../../../lambdas/workflows/reaper/reap.ts';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';

/** Time enough to make a boot look abandoned before the watch ends. */
const watchAfter = 1_500;

let cloud: Cloud;
let user: User;
beforeAll(async () => {
  cloud = await startCloud({ watchAfter });
  user = await cloud.newUser();
});
afterAll(() => cloud?.stop());

async function watches() {
  const client = new SFNClient();
  const { executions = [] } = await client.send(new ListExecutionsCommand({ stateMachineArn: setting('WATCH_STATE_MACHINE') }));
  client.destroy();
  return executions.map(({ name, status }) => ({ name, status }));
}

test('nothing is accepted that nobody would look after', async () => {
  const { WATCH_STATE_MACHINE } = process.env;
  process.env.WATCH_STATE_MACHINE = `${WATCH_STATE_MACHINE}-gone`;
  await expect(user.boot()).rejects.toThrow('500');
  process.env.WATCH_STATE_MACHINE = WATCH_STATE_MACHINE;
  expect(await query(cloud.service.api, 'select * from instance_mappings')).toEqual([]);
});

test('a boot whose workflow died is taken on, and then nobody looks any more', async () => {
  const { workflow, api } = cloud.service;
  workflow.faults.add({ state: 'ScheduleServers', when: 'before', error: 'Crash' });
  workflow.faults.add({ state: 'BuryInCell0', when: 'before', error: 'Crash' });
  const ids = [await user.boot(), await user.boot()];
  await workflow.stop();
  workflow.faults.clear();
  await query(api, `update build_requests set updated_at = now() - interval '1 hour'`);
  for (const id of ids) expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });

  await expect.poll(async () => (await watches()).filter(({ status }) => status === 'RUNNING'), { timeout: 10_000 }).toEqual([]);
  const before = await watches();
  // Both requests share a watch, unless the minute ended between them.
  expect(before.filter(({ name }) => name?.match(/^watch-\d/)).length).toBeLessThanOrEqual(2);
  await query(api, 'delete from pending_cleanups');
  await reap();
  expect(await watches()).toEqual(before);
});

test('what a cell may have left undone keeps the watch going', async () => {
  const { api } = cloud.service;
  await query(
    api,
    `insert into pending_cleanups (instance_uuid, cell_id) select instance_uuid, cell_id from instance_mappings where not queued_for_delete limit 1
     on conflict do nothing`,
  );
  await reap();
  expect((await watches()).some(({ name }) => name?.startsWith('watch-on-'))).toBe(true);
});
