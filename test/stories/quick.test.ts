/**
 * Every single statement of every story is disturbed in every way, and afterwards all eight properties hold: what was accepted is ACTIVE, in ERROR or
 * deleted, listed exactly once, and the audit finds nothing in any database.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flawless, simulatedDriver } from '../../compute/drivers/simulated.ts';
import { reap } from '../../compute/reaper/reap.ts';
import { startBoot } from '../../lambdas/boot-workflow.ts';
import { type Cloud, startCloud } from '../cloud.ts';
import { disturbances } from './faults.ts';
import { quickCheck } from './quick-check.ts';
import { type Stage, type Story, stories } from './stories.ts';

let cloud: Cloud;
let giant: string;
let told = 0;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 5 });
  giant = await cloud.newFlavor({ disk: 1_000 });
});
afterAll(async () => {
  await cloud?.stop();
  console.log(`${told} stories told`);
});

const driver = simulatedDriver(flawless);

/** Lets everything come to its end, as time and the reaper do. */
async function comeToRest(): Promise<void> {
  const { workflow, dataApi, api } = cloud.service;
  await workflow.drain();
  // A process that is killed takes its running steps with it; here they have to end before the databases are back.
  await workflow.stop();
  dataApi.faults.clear();
  for (let run = 0; run < 10; run++) {
    const { restarted, resumed, released, purged } = await reap({ api, driver, startBoot, silence: 0 });
    await workflow.drain();
    if (restarted + resumed + released + purged === 0) return;
  }
  throw new Error('the reaper finds no end');
}

async function expectProperties({ user }: Stage): Promise<void> {
  const { body } = await user.send<{ servers: { id: string; status: string }[] }>('GET', '/servers/detail');
  const ids = body.servers.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { status } of body.servers) expect(status).toMatch(/^(ACTIVE|ERROR)$/);
  await expectCleanAudit();
  for (const id of ids) expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
  await comeToRest();
  expect((await user.send<{ servers: [] }>('GET', '/servers')).body.servers).toEqual([]);
  await expectCleanAudit();
}

async function expectCleanAudit(): Promise<void> {
  const report = { findings: await quickCheck(cloud.service) };
  expect(report.findings).toEqual([]);
}

/** Tells a story with a disturbance at its k-th call; gives how many calls it made. */
async function tell(story: Story, disturb: (k: number) => void, k: number): Promise<number> {
  told += 1;
  process.env.SIMULATION = JSON.stringify(story.simulation ?? {});
  const stage = { user: await cloud.newUser(), giant };
  const mark = cloud.service.dataApi.calls.mark();
  disturb(k);
  await story.tell(stage);
  await cloud.service.workflow.drain();
  const calls = cloud.service.dataApi.calls.since(mark).length;
  await comeToRest();
  await expectProperties(stage);
  return calls;
}

describe.each(Object.entries(stories))('%s', (_, story) => {
  let calls: number;
  beforeAll(async () => {
    calls = await tell(story, () => {}, 0);
  });
  test.each(Object.entries(disturbances))('%s, at each statement', { timeout: 120_000 }, async (_, disturbance) => {
    for (let k = 1; k <= calls; k++) {
      await tell(story, (call) => disturbance(cloud.service, call), k).catch((error: unknown) => {
        throw new Error(`at statement ${k} of ${calls}`, { cause: error });
      });
    }
  });
});
