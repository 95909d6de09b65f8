/**
 * An idle cloud in which something waits asks no database before it is due. Nothing but a scheduled reap runs without a request, so what is measured is when the
 * executions of the reaper end their Wait, by what stands in the local Step Functions, and the calls that reached the Data API.
 */
import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { query } from '../../../../database/data-api/client.ts';
import { setting } from '../../../../lambdas/shared/environment.ts';
import { handler as reap } from '../../../../lambdas/workflows/reaper/reap.ts';
import { scheduleReaperAgain } from '../../../../lambdas/workflows/reaper/schedule.ts';
import { type Cloud, startCloud } from '../../../fixtures/cloud.ts';

let cloud: Cloud;
let client: SFNClient;
beforeAll(async () => {
  cloud = await startCloud();
  client = new SFNClient();
});
afterAll(async () => {
  client?.destroy();
  await cloud?.stop();
});

async function running(machine: 'REAPER_STATE_MACHINE' | 'AUDIT_STATE_MACHINE') {
  const { executions = [] } = await client.send(new ListExecutionsCommand({ stateMachineArn: setting(machine), statusFilter: 'RUNNING' }));
  return executions;
}

/** The reaps that wait, and how many minutes from now each runs; the first one first. */
async function waitingReaps(): Promise<{ executionArn: string; minutes: number }[]> {
  const executions = await running('REAPER_STATE_MACHINE');
  const waiting = executions.map(async ({ executionArn = '' }) => {
    const { input = '{}', startDate } = await client.send(new DescribeExecutionCommand({ executionArn }));
    const { seconds }: { seconds: number } = JSON.parse(input);
    return { executionArn, minutes: ((startDate?.getTime() ?? Number.NaN) + seconds * 1_000 - Date.now()) / 60_000 };
  });
  return (await Promise.all(waiting)).sort((one, other) => one.minutes - other.minutes);
}

/** Lets the first reap that waits run now. */
async function runFirstReap(): Promise<void> {
  const [first] = await waitingReaps();
  if (first) await client.send(new StopExecutionCommand({ executionArn: first.executionArn }));
  await reap();
  // The first reap of a day starts the audit.
  await expect.poll(() => running('AUDIT_STATE_MACHINE')).toEqual([]);
}

test('with something that is due in an hour, no database is asked before, and then it is done', async () => {
  const { api, dataApi, workflow } = cloud.service;
  const user = await cloud.newUser();
  await user.settled(await user.boot());
  await workflow.drain();
  await query(api, `update pending_cleanups set due_at = now() + interval '1 hour'`);
  expect(await waitingReaps(), 'that of the request').toEqual([{ executionArn: expect.anything(), minutes: expect.closeTo(4, 0) }]);
  await runFirstReap();

  const mark = dataApi.calls.mark();
  const [next, ...others] = await waitingReaps();
  expect(others).toEqual([]);
  expect(next?.minutes).toBeGreaterThan(59.9);
  expect(next?.minutes).toBeLessThan(61.1);
  expect(dataApi.calls.since(mark), 'what runs without a request or a reap').toEqual([]);

  await query(api, `update pending_cleanups set due_at = now(), noted_at = now() - interval '1 hour'`);
  await runFirstReap();
  expect(await query(api, 'select * from pending_cleanups')).toEqual([]);
  expect(await waitingReaps()).toEqual([]);
});

test('with a deleted server that may be restored for a week, no database is asked before that is over', async () => {
  const { api, dataApi, workflow } = cloud.service;
  vi.stubEnv('SETTINGS', '{"reclaim_instance_interval":604800}');
  onTestFinished(() => void vi.unstubAllEnvs());
  const user = await cloud.newUser();
  const id = await user.boot();
  await user.settled(id);
  await workflow.drain();
  expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
  // Where a test before this one has run the reap of this minute, none waits.
  await runFirstReap();

  const mark = dataApi.calls.mark();
  const [next, ...others] = await waitingReaps();
  expect(others).toEqual([]);
  expect(next?.minutes).toBeCloseTo(7 * 1_440, -1);
  expect(dataApi.calls.since(mark), 'what runs without a request or a reap').toEqual([]);

  await query(cloud.database('cell1'), `update instances set deleted_at = now() - interval '1 week' where vm_state = 'soft-delete'`);
  await query(cloud.database('cell2'), `update instances set deleted_at = now() - interval '1 week' where vm_state = 'soft-delete'`);
  await query(api, `update pending_cleanups set due_at = now(), noted_at = now() - interval '1 hour'`);
  await runFirstReap();
  expect((await user.send('GET', `/servers/${id}`)).status).toBe(404);
  expect([await query(api, 'select * from pending_cleanups'), await waitingReaps()]).toEqual([[], []]);
});

test('what is overdue is tried again in the next minute, and no reap waits for longer than an execution may last', async () => {
  for (const dueIn of [400 * 86_400, -100]) await scheduleReaperAgain(dueIn);
  const [next = Number.NaN, last = Number.NaN, ...others] = (await waitingReaps()).map(({ minutes }) => minutes);
  expect(others).toEqual([]);
  expect(next).toBeGreaterThan(0.9);
  expect(next).toBeLessThan(2.1);
  expect(last / 1_440).toBeCloseTo(300, 1);
});
