/**
 * Every single statement of every scenario is disturbed in every way, and afterwards all eight properties hold: what was accepted is ACTIVE, in ERROR or
 * deleted, listed exactly once, and the audit finds nothing in any database.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { rescheduleBuried } from '../../../compute/servers/reschedule-buried.ts';
import { query } from '../../../database/data-api/client.ts';
import { withDeadline } from '../../../database/data-api/deadline.ts';
import { type Cloud, startCloud, type User } from '../../fixtures/cloud.ts';
import { disturbances } from '../../fixtures/disturbances.ts';
import { comeToRest, reapNow, settle } from '../../fixtures/rest.ts';
import type { Scenario, Stage } from './scenarios.ts';

const steps = [
  'BootOne',
  'ScheduleServers',
  'CreateInCell',
  'TryAnotherCell',
  'BuildOnHost',
  'Reschedule',
  'FailInCell',
  'BuryInCell0',
  'BuryServerInCell0',
];

/** `npm run disturbed` disturbs every statement in every way; a sample each statement in a sixteenth of the ways, each scenario in all. */
const all = process.env.STATEMENTS === 'all';
const stride = all ? 1 : 16;
const which = all ? 'each' : 'every sixteenth';
/** At which statement a disturbance begins; in a sample each at another one. */
const first = (disturbance: string, calls: number) => 1 + (Object.keys(disturbances).indexOf(disturbance) % Math.min(stride, calls));

let cloud: Cloud;
let giant: string;
let image: string;
let foreignImage: string;
let done = 0;
const atRest = /^(ACTIVE|ERROR|SHUTOFF|RESCUE|SUSPENDED|VERIFY_RESIZE)$/;

async function expectProperties({ user }: Stage): Promise<void> {
  const { body } = await user.send<{ servers: { id: string; status: string; 'OS-EXT-STS:task_state': string | null }[] }>(
    'GET',
    '/servers/detail',
  );
  const ids = body.servers.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { status, 'OS-EXT-STS:task_state': task } of body.servers)
    expect([status, task]).toEqual([expect.stringMatching(atRest), null]);
  await expectCleanAudit();
  for (const id of ids) expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
  await comeToRest(cloud.service);
  expect((await user.send<{ servers: [] }>('GET', '/servers')).body.servers).toEqual([]);
  await expectCleanAudit();
}

async function expectCleanAudit(): Promise<void> {
  const report = await audit(cloud.service.api, { settled: true });
  expect(report.findings).toEqual([]);
}

async function newGroup(user: User): Promise<string> {
  const body = { server_group: { name: 'apart', policy: 'anti-affinity' } };
  return (await user.send<{ server_group: { id: string } }>('POST', '/os-server-groups', { body })).body.server_group.id;
}

/** Sends a buried server through the boot again, as an operator and the reaper do; what fails is left. */
async function sendAgain(id: string, fits: boolean): Promise<void> {
  const { api, functions } = cloud.service;
  const options = { dryRun: false, before: async () => {}, progress: () => {} };
  const smaller = `update request_specs set spec = jsonb_set(spec, '{flavor,root_gb}', '1') where instance_uuid = :id::uuid`;
  // An operator's command has no deadline; here it has that of functions, so that a database that hangs is not waited for.
  await withDeadline(Date.now() + (functions.time ?? 60_000), async () => {
    // It wants less than it did: as if its host had more.
    if (fits) await query(api, smaller, { id });
    await rescheduleBuried(api, { servers: [id], project: null, cause: null }, options);
    await reapNow(cloud.service);
  });
}

/** Runs a scenario with a disturbance at its k-th call; returns how many calls it made. */
async function run(scenario: Scenario, disturb: (k: number) => void, k: number): Promise<number> {
  done += 1;
  process.env.SIMULATION = JSON.stringify(scenario.simulation ?? {});
  process.env.SETTINGS = JSON.stringify(scenario.settings ?? {});
  const user = await cloud.newUser();
  const stage = { user, giant, group: await newGroup(user), image, foreignImage, sendAgain };
  const mark = cloud.service.dataApi.calls.mark();
  disturb(k);
  await scenario.run(stage);
  // Reports wait for what the disturbance has taken away.
  if (cloud.service.reports.nextAt() === undefined) await cloud.service.workflow.drain();
  else await Promise.race([settle(cloud.service), sleep(300)]);
  const calls = cloud.service.dataApi.calls.since(mark).length;
  await comeToRest(cloud.service);
  await expectProperties(stage);
  return calls;
}

/** Declares the tests of scenarios, in a cloud of their own. */
export function disturb(scenarios: Readonly<Record<string, Scenario>>): void {
  beforeAll(async () => {
    cloud = await startCloud({ retryAfter: 5 });
    giant = await cloud.newFlavor({ disk: 1_000 });
    image = await cloud.newImage();
    foreignImage = await cloud.newImage({ properties: { hw_architecture: 's390x' } });
  });
  afterAll(async () => {
    await cloud?.stop();
    // Past the runner, which keeps the output of tests that pass to itself.
    writeSync(1, `\n${done} scenarios done, each with its audit\n`);
  });

  describe.each(Object.entries(scenarios))('%s', (_, scenario) => {
    let calls: number;
    beforeAll(async () => {
      calls = await run(scenario, () => {}, 0);
    });
    test('every step runs twice', { timeout: 60_000 }, async () => {
      for (const state of steps) {
        // The others run where this one leaves the boot to them.
        if (state !== 'BootOne') cloud.service.workflow.faults.add({ state: 'BootOne', when: 'before' });
        const loseFirstResult = () =>
          void cloud.service.workflow.faults.add({ state, when: 'after', nth: 1, error: 'Lambda.ServiceException' });
        await run(scenario, loseFirstResult, 0);
        cloud.service.workflow.faults.clear();
      }
    });
    test.each(Object.entries(disturbances))(`%s, at ${which} statement`, { timeout: 120_000 }, async (name, disturbance) => {
      for (let k = first(name, calls); k <= calls; k += stride) {
        await run(scenario, (call) => disturbance(cloud.service, call), k).catch((error: unknown) => {
          throw new Error(`at statement ${k} of ${calls}`, { cause: error });
        });
      }
    });
  });
}
