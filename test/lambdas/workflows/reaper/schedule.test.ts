/** A scheduled reap: nothing is begun without it, one serves a whole minute, and another follows only as long as something is unfinished. */
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { query } from '../../../../database/data-api/client.ts';
import { setting } from '../../../../lambdas/shared/environment.ts';
import { handler as reap } from '../../../../lambdas/workflows/reaper/reap.ts';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';

/** Time enough to make a boot look stalled before the reaper runs. */
const reapAfter = 1_500;

let cloud: Cloud;
let user: User;
beforeAll(async () => {
  cloud = await startCloud({ reapAfter });
  user = await cloud.newUser();
});
afterAll(() => cloud?.stop());

async function scheduledReaps() {
  const client = new SFNClient();
  const { executions = [] } = await client.send(new ListExecutionsCommand({ stateMachineArn: setting('REAPER_STATE_MACHINE') }));
  client.destroy();
  return executions.map(({ name, status }) => ({ name, status }));
}

test('nothing is accepted when the reaper cannot be scheduled', async () => {
  const { REAPER_STATE_MACHINE } = process.env;
  process.env.REAPER_STATE_MACHINE = `${REAPER_STATE_MACHINE}-gone`;
  await expect(user.boot()).rejects.toThrow('503');
  process.env.REAPER_STATE_MACHINE = REAPER_STATE_MACHINE;
  expect(await query(cloud.service.api, 'select * from instance_mappings')).toEqual([]);
});

test('a boot whose workflow died is taken over, and then no reaper is scheduled any more', async () => {
  const { workflow, api } = cloud.service;
  for (const state of ['BootOne', 'ScheduleServers', 'BuryInCell0']) workflow.faults.add({ state, when: 'before', error: 'Crash' });
  const ids = [await user.boot(), await user.boot()];
  await workflow.stop();
  workflow.faults.clear();
  await query(api, `update build_requests set updated_at = now() - interval '1 hour'`);
  for (const id of ids) expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });

  await expect.poll(async () => (await scheduledReaps()).filter(({ status }) => status === 'RUNNING'), { timeout: 10_000 }).toEqual([]);
  const before = await scheduledReaps();
  // Both requests share a scheduled reap, unless the minute ended between them.
  expect(before.filter(({ name }) => name?.match(/^reap-\d/)).length).toBeLessThanOrEqual(2);
  await query(api, 'delete from pending_cleanups');
  await reap();
  expect(await scheduledReaps()).toEqual(before);
});

test('what a cell may have left undone schedules the reaper again, for when the first of it is due', async () => {
  const { api } = cloud.service;
  await query(
    api,
    `insert into pending_cleanups (instance_uuid, cell_id, due_at)
     select gen_random_uuid(), id, now() + minutes * interval '1 minute' from cell_mappings, unnest(array[60, 90]) as minutes where name = 'cell1'`,
  );
  await reap();
  await reap();
  const again = (await scheduledReaps()).filter(({ name }) => name?.startsWith('reap-at-'));
  const due = Date.now() + 3_600_000;
  const minutes = again.map(({ name }) => (Date.parse(`${name?.slice(8, 21)}:${name?.slice(21)}Z`) - due) / 60_000);
  // A reap of an earlier test waits for a heartbeat at most.
  expect(minutes.filter((minute) => minute > -50)).toEqual([expect.closeTo(0.5, 0)]);
});
