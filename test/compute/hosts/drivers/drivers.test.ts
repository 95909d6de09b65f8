/** Every configuration of every driver, by the one contract. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { audit } from '../../../../compute/audit/audit.ts';
import { reap } from '../../../../compute/reaper/reap.ts';
import { query } from '../../../../database/data-api/client.ts';
import { hostDriver } from '../../../../lambdas/shared/host-driver.ts';
import { startBoot } from '../../../../lambdas/workflows/boot/start.ts';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';
import { comeToRest } from '../../../fixtures/rest.ts';
import { contract } from './contract.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 3, retryAfter: 20 });
});
afterAll(() => cloud?.stop());

contract('hosts that answer at once', {}, () => cloud);
contract('hosts that report later', { reportAfter: 1 }, () => cloud);
contract('hosts that report in the same moment, but by the queue', { reportAfter: 0 }, () => cloud);
contract('hosts that report twice', { reportAfter: 1, doubledReports: true }, () => cloud);

describe('hosts that begin and do not report in time', () => {
  let user: User;
  beforeEach(async () => {
    process.env.SIMULATION = '{}';
    user = await cloud.newUser();
  });
  afterEach(async () => {
    delete process.env.SIMULATION;
    await comeToRest(cloud.service);
  });

  /** Every report is lost, or comes when it is too late; hosts have no time at all. */
  const fallSilent = (lostChance = 1) => {
    process.env.SIMULATION = JSON.stringify({ reportAfter: 1, lostChance, timeAllowed: 0 });
  };
  const reapNow = () => reap({ api: cloud.service.api, driver: hostDriver(), startBoot, silence: 0 });
  const reported = () => expect.poll(() => cloud.service.reports.nextAt(), { timeout: 5_000 }).toBeUndefined();
  const allocations = async (id: string) =>
    (await query<{ used: number }>(cloud.service.api, 'select used from allocations where consumer_id = :id::uuid', { id })).length;

  test('leave a build in ERROR where it is, until it is deleted', async () => {
    fallSilent();
    const id = await user.boot();
    await cloud.service.workflow.drain();
    expect(await reapNow()).toMatchObject({ overdue: 1 });
    expect(await user.settled(id)).toMatchObject({ status: 'ERROR' });
    expect(await allocations(id)).toBe(3);
    expect((await audit(cloud.service.api, { settled: true })).findings).toEqual([]);
    process.env.SIMULATION = '{}';
    expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
    expect(await allocations(id)).toBe(0);
  });

  test.each([
    ['given up', async () => expect(await reapNow()).toMatchObject({ overdue: 1 })],
    [
      'set to ERROR by an admin',
      async (id: string) => {
        const admin = await cloud.newUser('admin');
        const body = { 'os-resetState': { state: 'error' } };
        expect((await admin.send('POST', `/servers/${id}/action`, { body })).status).toBe(202);
      },
    ],
  ])('have a build that was %s ACTIVE when they report that the server runs, as any other', async (_, end) => {
    fallSilent(0);
    const id = await user.boot();
    await cloud.service.workflow.drain();
    await end(id);
    expect(await user.settled(id)).toMatchObject({ status: 'ERROR' });
    await reported();
    const launched = { status: 'ACTIVE', 'OS-EXT-STS:power_state': 1, 'OS-SRV-USG:launched_at': expect.any(String) };
    expect(await user.settled(id)).toMatchObject(launched);
    expect(await allocations(id)).toBe(3);
    process.env.SIMULATION = '{}';
    expect((await user.send('POST', `/servers/${id}/action`, { body: { pause: null } })).status).toBe(202);
    const { body } = await user.send<{ instanceActions: Record<string, unknown>[] }>('GET', `/servers/${id}/os-instance-actions`);
    expect(body.instanceActions.at(-1)).toMatchObject({ action: 'create', message: null });
    expect((await audit(cloud.service.api, { settled: true })).findings).toEqual([]);
    expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
    expect(await allocations(id)).toBe(0);
  });

  test.each([
    ['never', 1],
    ['too late', 0],
  ])('reporting it %s, leave a server as an action found it, with the fault', async (_, lostChance) => {
    const id = await user.boot();
    await user.settled(id);
    fallSilent(lostChance);
    expect((await user.send('POST', `/servers/${id}/action`, { body: { pause: null } })).status).toBe(202);
    expect(await reapNow()).toMatchObject({ overdue: 1 });
    await reported();
    expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
    const { body } = await user.send<{ instanceActions: { action: string; message: unknown }[] }>(
      'GET',
      `/servers/${id}/os-instance-actions`,
    );
    expect(body.instanceActions[0]).toMatchObject({ action: 'pause', message: 'Error' });
  });

  test('keep the place of a deleted server, of which the audit knows, until they answer', async () => {
    const id = await user.boot();
    await user.settled(id);
    fallSilent();
    expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
    for (let run = 0; run < 3; run++) {
      expect(await reapNow()).toMatchObject({ released: 0 });
      expect(await allocations(id)).toBe(3);
    }
    expect((await audit(cloud.service.api, { settled: true })).findings).toEqual([]);
    process.env.SIMULATION = '{}';
    expect(await reapNow()).toMatchObject({ released: 1 });
    expect(await allocations(id)).toBe(0);
  });
});

test.each([
  ['a pause', { pause: null }, 60],
  ['a stop, in which a guest shuts down,', { 'os-stop': null }, 120],
])('hosts that report later have the time of the action: %s is due in time', async (_, body, seconds) => {
  const user = await cloud.newUser();
  const id = await user.boot();
  await user.settled(id);
  process.env.SIMULATION = JSON.stringify({ reportAfter: 1 });
  expect((await user.send('POST', `/servers/${id}/action`, { body })).status).toBe(202);
  delete process.env.SIMULATION;
  const rows = await query<{ seconds: number }>(
    cloud.database('cell1'),
    `select round(extract(epoch from (task->>'due_at')::timestamptz - (task->>'asked_at')::timestamptz))::int as seconds from instances
     where uuid = :id::uuid`,
    { id },
  );
  // From when it was accepted, a little before its host was asked.
  expect(rows).toEqual([{ seconds: expect.toSatisfy((passed: number) => passed >= seconds && passed < seconds + 10) }]);
  await comeToRest(cloud.service);
});
