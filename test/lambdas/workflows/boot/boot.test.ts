/** What becomes of a boot, over HTTP. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { noFailures, simulatedDriver } from '../../../../compute/hosts/drivers/simulated.ts';
import { reap } from '../../../../compute/reaper/reap.ts';
import { query } from '../../../../database/data-api/client.ts';
import { startBoot } from '../../../../lambdas/workflows/boot/start.ts';
import { boot } from '../../../../lambdas/workflows/boot/steps.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../../fixtures/cloud.ts';

let cloud: Cloud;
let user: User;
let admin: User;
beforeAll(async () => {
  cloud = await startCloud();
  user = await cloud.newUser();
  admin = await cloud.newUser('admin');
});
afterAll(() => cloud?.stop());
afterEach(async () => {
  cloud.service.dataApi.faults.clear();
  cloud.service.workflow.faults.clear();
  delete process.env.SIMULATION;
  // Hosts that failed builds weigh less for a while, and then not every cell is tried.
  await query(cloud.service.api, 'delete from build_failures');
});

const reapNow = () => reap({ api: cloud.service.api, driver: simulatedDriver(noFailures), startBoot, silence: 0 });
const claimed = () => query<{ used: number }>(cloud.service.api, 'select used from inventories where used > 0');
const used = async () => (await user.send<{ limits: { absolute: object } }>('GET', '/limits')).body.limits.absolute;
const asAdmin = async (id: string) => (await admin.send<{ server: ServerBody }>('GET', `/servers/${id}`)).body.server;

test('a server that fits becomes ACTIVE on a host, and releases everything when it is deleted', async () => {
  const id = await user.boot();
  expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:power_state': 1 });
  expect((await asAdmin(id))['OS-EXT-SRV-ATTR:host']).toMatch(/^cell\d-host\d$/);
  expect(await used()).toMatchObject({ totalInstancesUsed: 1, totalCoresUsed: 1, totalRAMUsed: 512 });
  expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
  expect((await user.send('GET', `/servers/${id}`)).status).toBe(404);
  expect(await used()).toMatchObject({ totalInstancesUsed: 0, totalCoresUsed: 0, totalRAMUsed: 0 });
  expect(await claimed()).toEqual([]);
});

test('extra specs say what a server takes of its host; its quota is the flavor', async () => {
  const flavorRef = await cloud.newFlavor({ ram: 512 });
  for (const [key, value] of Object.entries({ 'resources:VCPU': '3', 'resources:DISK_GB': '7' })) {
    const add = 'insert into flavor_extra_specs (flavor_id, key, value) select id, :key, :value from flavors where flavorid = :flavorRef';
    await query(cloud.service.api, add, { key, value, flavorRef });
  }
  const id = await user.boot({ flavorRef });
  expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
  expect(await query(cloud.service.api, 'select resource_class, used from allocations order by resource_class')).toEqual([
    { resource_class: 'DISK_GB', used: 7 },
    { resource_class: 'MEMORY_MB', used: 512 },
    { resource_class: 'VCPU', used: 3 },
  ]);
  expect(await used()).toMatchObject({ totalCoresUsed: 1 });
  await user.send('DELETE', `/servers/${id}`);
  expect(await claimed()).toEqual([]);
});

test('a server that fits nowhere is in ERROR with the reason, and is deleted like any other', async () => {
  const flavorRef = await cloud.newFlavor({ disk: 1_000 });
  const id = await user.boot({ flavorRef });
  const server = await user.settled(id);
  expect(server).toMatchObject({ status: 'ERROR', fault: { code: 500, message: 'No valid host was found. ' } });
  expect((await asAdmin(id)).fault?.details).toContain('DISK_GB: 0 of 4 hosts suffice; the nearest has 500 free, 500 short.');
  expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
  expect(await used()).toMatchObject({ totalInstancesUsed: 0 });
});

test('a host that fails hands the server to its alternate', async () => {
  process.env.SIMULATION = JSON.stringify({ failingHosts: ['cell1-host1', 'cell2-host1'] });
  const ids = await Promise.all([user.boot(), user.boot(), user.boot()]);
  for (const id of ids) {
    expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
    expect((await asAdmin(id))['OS-EXT-SRV-ATTR:host']).toMatch(/host2$/);
    await user.send('DELETE', `/servers/${id}`);
  }
  expect(await claimed()).toEqual([]);
});

test('when all hosts fail the server is in ERROR in its own cell and claims nothing', async () => {
  process.env.SIMULATION = JSON.stringify({ failureChance: 1 });
  const id = await user.boot();
  const server = await user.settled(id);
  expect(server.status).toBe('ERROR');
  expect(server.fault?.message).toBe(
    `Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance ${id}.`,
  );
  await cloud.service.workflow.drain();
  expect(await claimed()).toEqual([]);
  await user.send('DELETE', `/servers/${id}`);
});

test('a cell that is down sends the server to another cell; the reaper cleans what was left', async () => {
  cloud.service.dataApi.faults.add({ cluster: 'cell1', kind: 'down' });
  await user.boot({ min_count: 4, max_count: 4 });
  const ids = (await user.send<{ servers: ServerBody[] }>('GET', '/servers')).body.servers.map(({ id }) => id);
  expect(ids).toHaveLength(4);
  for (const id of ids) {
    await user.settled(id);
    expect((await asAdmin(id))['OS-EXT-SRV-ATTR:host']).toMatch(/^cell2/);
  }
  await cloud.service.workflow.drain();
  expect(await reapNow()).toMatchObject({ unreachable: ['cell1'] });
  cloud.service.dataApi.faults.clear();
  await reapNow();
  expect(await query(cloud.service.api, 'select * from pending_cleanups')).toEqual([]);
  for (const id of ids) await user.send('DELETE', `/servers/${id}`);
  expect(await claimed()).toEqual([]);
});

test('a boot whose workflow was never started is started by the reaper', async () => {
  for (const state of ['BootOne', 'ScheduleServers']) cloud.service.workflow.faults.add({ state, when: 'before', error: 'Crash' });
  cloud.service.workflow.faults.add({ state: 'BuryInCell0', when: 'before', error: 'Crash', nth: 1 });
  const id = await user.boot();
  cloud.service.workflow.faults.clear();
  await reapNow();
  expect(await user.settled(id)).toMatchObject({ status: expect.stringMatching(/ACTIVE|ERROR/) });
  await user.send('DELETE', `/servers/${id}`);
  await cloud.service.workflow.drain();
  expect(await claimed()).toEqual([]);
});

test('a cell that goes down when it has just got a server is waited for by nobody but the reaper', async () => {
  const { dataApi, workflow } = cloud.service;
  workflow.faults.add({ state: 'BootOne', when: 'before', nth: 1 });
  workflow.faults.add({ state: 'CreateInCell', when: 'after', error: 'Lambda.ServiceException', nth: 1 });
  let rounds = 0;
  const end = workflow.onTask(({ state, phase }) => {
    if (phase !== 'failed' || state === 'BootOne') return;
    for (const cluster of ['cell1', 'cell2']) dataApi.faults.add({ cluster, kind: 'down' });
    if (state === 'CreateInCell') rounds += 1;
  });
  const id = await user.boot();
  await workflow.drain();
  end();
  expect(rounds).toBe(3);
  dataApi.faults.clear();
  expect(await reapNow()).toMatchObject({ resumed: 1 });
  expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
  await user.send('DELETE', `/servers/${id}`);
  expect(await claimed()).toEqual([]);
});

test('a server is buried within a second while cell0 is awake', async () => {
  const flavorRef = await cloud.newFlavor({ disk: 1_000 });
  const start = performance.now();
  const id = await user.boot({ flavorRef });
  expect((await user.settled(id)).status).toBe('ERROR');
  expect(performance.now() - start).toBeLessThan(1_000);
  await user.send('DELETE', `/servers/${id}`);
});

test('while cell0 is asleep a server is BUILD, and ERROR right after it wakes up', async () => {
  // A cluster takes 15 s to wake up, longer after a day of sleep; the step that buries waits for as long as it may run.
  expect(boot.functions.BuryInCell0.timeout).toBeGreaterThan(60);
  const flavorRef = await cloud.newFlavor({ disk: 1_000 });
  const sleep = cloud.service.dataApi.faults.add({ cluster: 'cell0', kind: 'paused' });
  const id = await user.boot({ flavorRef });
  const status = async () => {
    const reply = await user.send<{ server: ServerBody }>('GET', `/servers/${id}`);
    expect([200, 503]).toContain(reply.status);
    return reply.status === 200 ? reply.body.server.status : 'BUILD';
  };
  while (sleep.hits < 6) expect(await status()).toBe('BUILD');
  sleep.lift();
  const start = performance.now();
  while ((await status()) === 'BUILD');
  expect(performance.now() - start).toBeLessThan(3_000);
  expect(await user.settled(id)).toMatchObject({ status: 'ERROR', fault: { message: 'No valid host was found. ' } });
  await user.send('DELETE', `/servers/${id}`);
});
