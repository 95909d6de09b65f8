/** A host that is forced down: what it has begun moves, for a later owner; what it may run of servers that left it is ended when it is up again. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import type { CreatedInCell } from '../../../compute/boot/create-in-cell.ts';
import { deleteHost } from '../../../compute/cells/remove.ts';
import { applyLateReport } from '../../../compute/hosts/apply-late-report.ts';
import type { Driver, LateReport, Operation, Report } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { addHosts, bringUpHost, drainHost, enableHost, forceDownHost, listHosts } from '../../../compute/hosts/hosts.ts';
import { defaultHostResources } from '../../../compute/hosts/simulated-hosts.ts';
import { reap, type StartedBoot } from '../../../compute/reaper/reap.ts';
import { findUnfinishedWork } from '../../../compute/reaper/unfinished-work.ts';
import { defaultSettings } from '../../../compute/settings.ts';
import { listPendingCleanups } from '../../../database/api/cells/pending-cleanups.ts';
import { completeHostCleanups } from '../../../database/api/hosts/host-cleanups.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import { startBoot } from '../../../lambdas/workflows/boot/start.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest, settle } from '../../fixtures/rest.ts';
import { standingOf } from '../../fixtures/standing.ts';
import { createServer, scheduleServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
let cell: Database;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 3, retryAfter: 2 });
  api = cloud.service.api;
  cell = cloud.database('cell1');
});
afterAll(() => cloud?.stop());

let asked: Operation[];
let sent: LateReport[];
let started: StartedBoot[];
beforeEach(() => {
  [asked, sent, started] = [[], [], []];
});
afterEach(async () => {
  for (const { host } of await listHosts(api, null)) await bringUpHost(api, host);
  await comeToRest(cloud.service);
  expect((await audit(api, { settled: true })).findings).toEqual([]);
  expect(await guests()).toEqual([]);
});

/** Hosts that begin what they are asked; the test reports for them. */
const later = simulatedDriver({ ...noFailures, reportAfter: 1 }, async (report) => void ('report' in report && sent.push(report)));
const noting = (driver: Driver): Driver => ({
  ...driver,
  begin(operation) {
    asked.push(operation);
    return driver.begin(operation);
  },
});
const driver = noting(later);
const atOnce = simulatedDriver(noFailures);
/** The way to every host is cut. */
const cut: Driver = { ...driver, begin: () => Promise.reject(new Error('no way to the host')) };

/** Starts the boots that it is asked to, and waits for them. */
const runBoot = async (boot: StartedBoot) => {
  started.push(boot);
  await startBoot(boot);
  await settle(cloud.service);
};
/** The reaper as it runs by itself, to which little is overdue. */
const reapNow = (changes: Partial<Parameters<typeof reap>[0]> = {}) =>
  reap({ api, driver: atOnce, startBoot: runBoot, silence: 180, ...changes });
const report = (outcome: Report, about = sent.at(-1)?.about) => {
  if (!about) throw new Error('nothing was asked');
  return applyLateReport({ api, driver, settings: defaultSettings, startBoot: runBoot }, { about, report: outcome });
};
const success: Report = { result: 'success' };

const guests = () => query<{ host: string; instance_uuid: string }>(cell, 'select host, instance_uuid, fencing_token from guests_to_end');
const rowOf = async (id: string) => {
  const [row] = await query<{ host: string | null; vm_state: string; fencing_token: number }>(
    cell,
    'select host, vm_state, fencing_token from instances where uuid = :id::uuid',
    { id },
  );
  return row;
};

/** A build that its host has begun. */
async function begun(): Promise<{ id: string; created: CreatedInCell; look: () => ReturnType<typeof standingOf> }> {
  const { server, created, here } = await createServer(cloud);
  await buildOnHost(driver, created);
  return { id: server.id, created, look: () => standingOf(cloud, server, here) };
}

test('a build that the host has begun moves at once to an alternate, for a later owner, and its guest is ended when the host is up', async () => {
  const { id, created, look } = await begun();
  await forceDownHost(api, created.host);
  expect((await findUnfinishedWork(api, 180)).dueIn).toBeLessThanOrEqual(0);
  expect(await reapNow()).toMatchObject({ moved: 1, resumed: 0, overdue: 0 });
  expect(await look()).toMatchObject({
    shown: 'ACTIVE',
    allocated: 'here',
    rows: { here: { state: 'active', token: 2, host: 'allocated' } },
  });
  expect((await rowOf(id))?.host).not.toBe(created.host);
  expect(await guests()).toEqual([{ host: created.host, instance_uuid: id, fencing_token: 1 }]);
  expect(started).toMatchObject([{ failed: { host: created.host, attempt: 1 } }]);

  // What it had begun was done, and is reported late.
  const before = await rowOf(id);
  await report(success, sent[0]?.about);
  expect(await rowOf(id)).toEqual(before);

  expect(await reapNow(), 'while the host is down nothing is asked of it').toMatchObject({ moved: 0, guestsEnded: 0 });
  expect(await guests()).toHaveLength(1);
  await bringUpHost(api, created.host);
  expect(await reapNow({ driver: noting(atOnce) })).toMatchObject({
    guestsEnded: 1,
  });
  expect(asked.at(-1)).toEqual({ operation: 'destroy', server: id, host: created.host, cell: created.connection, fencing_token: 1 });
  expect(await guests()).toEqual([]);
  expect((await findUnfinishedWork(api, 180)).dueIn ?? 1).toBeGreaterThan(0);
  expect(await look()).toMatchObject({ shown: 'ACTIVE' });
});

test('a forced-down host is not picked, and shows as DOWN, until it is up', async () => {
  const id = await (await cloud.newUser('admin')).boot();
  await cloud.service.workflow.drain();
  const host = (await rowOf(id))?.host ?? '';
  await forceDownHost(api, host);
  await forceDownHost(api, host);
  const admin = await cloud.newUser('admin');
  const show = async () => (await admin.send<{ server: Record<string, unknown> }>('GET', `/servers/${id}`)).body.server.host_status;
  expect(await show()).toBe('DOWN');
  const shown = async () => (await listHosts(api, null)).find((one) => one.host === host);
  expect(await shown()).toMatchObject({ enabled: false, pickable: false, forced_down: true });
  for (let boot = 0; boot < 4; boot++) expect((await scheduleServer(cloud)).placement.host).not.toBe(host);
  await bringUpHost(api, host);
  expect(await show()).toBe('UP');
  expect(await shown()).toMatchObject({ enabled: true, pickable: true, forced_down: false });
});

test('a host that is disabled and forced down is picked when both are over, in either order', async () => {
  const host = 'cell1-host1';
  const pickable = async () => (await listHosts(api, null)).find((one) => one.host === host)?.pickable;
  for (const [first, second] of [
    [bringUpHost, enableHost],
    [enableHost, bringUpHost],
  ] as const) {
    await forceDownHost(api, host);
    await drainHost(api, host, 'its disk fails');
    expect(await pickable()).toBe(false);
    await first(api, host);
    expect(await pickable()).toBe(false);
    await second(api, host);
    expect(await pickable()).toBe(true);
  }
});

test('a build with no alternate left ends in ERROR without a host, and its guest is ended all the same', async () => {
  const { id, created, look } = await begun();
  for (const { host } of await listHosts(api, null)) await forceDownHost(api, host);
  expect(await reapNow()).toMatchObject({ moved: 1 });
  expect(await look()).toMatchObject({ shown: 'ERROR', allocated: null, rows: { here: { state: 'error', host: null } } });
  expect(await guests()).toMatchObject([{ host: created.host, instance_uuid: id }]);
});

test('a server whose build has ended stays where it is', async () => {
  const { id, created } = await begun();
  await report(success);
  const before = await rowOf(id);
  await forceDownHost(api, created.host);
  expect(await reapNow()).toMatchObject({ moved: 0 });
  expect(await rowOf(id)).toEqual(before);
  expect(await guests()).toEqual([]);
});

test('a build that a host begins when it is down already moves when the reaper looks after it', async () => {
  const { server, created } = await createServer(cloud);
  await forceDownHost(api, created.host);
  expect(await reapNow()).toMatchObject({ moved: 0 });
  await buildOnHost(driver, created);
  expect(await reapNow({ silence: 0 })).toMatchObject({ moved: 1, resumed: 0, overdue: 0 });
  expect(await rowOf(server.id)).toMatchObject({ vm_state: 'active', fencing_token: 2 });
});

test('a move that stopped after its build was taken over is done by the next reaper', async () => {
  const { id, created } = await begun();
  await forceDownHost(api, created.host);
  await expect(reapNow({ startBoot: () => Promise.reject(new Error('throttled')) })).rejects.toThrow('throttled');
  expect(await rowOf(id)).toMatchObject({ vm_state: 'building', host: created.host, fencing_token: 1 });
  expect(await reapNow({ silence: 0 })).toMatchObject({ moved: 1 });
  expect(await rowOf(id)).toMatchObject({ vm_state: 'active', fencing_token: 3 });
  expect(await guests()).toMatchObject([{ fencing_token: 1 }]);
});

test('a success that is reported before the move has the server where it is, in its place', async () => {
  const { id, created, look } = await begun();
  await forceDownHost(api, created.host);
  expect(
    await reapNow({
      async startBoot(boot) {
        await report(success);
        await runBoot(boot);
      },
    }),
  ).toMatchObject({ moved: 1 });
  expect(await rowOf(id)).toMatchObject({ vm_state: 'active', host: created.host });
  expect(await look()).toMatchObject({ shown: 'ACTIVE', rows: { here: { host: 'allocated' } } });
  expect(await guests()).toEqual([]);
});

test('a host that is up again before the build leaves it is asked to end it at once, and nothing is recorded', async () => {
  const { id, created } = await begun();
  await forceDownHost(api, created.host);
  await reapNow({
    async startBoot(boot) {
      await bringUpHost(api, created.host);
      await runBoot(boot);
    },
  });
  expect(await rowOf(id)).toMatchObject({ vm_state: 'active', fencing_token: 2 });
  expect(await guests()).toEqual([]);
});

test('a host that is noted again while the reaper looks at it is looked at again', async () => {
  await forceDownHost(api, 'cell1-host1');
  const [seen] = (await listPendingCleanups(api, 180)).flatMap(({ hosts }) => hosts);
  if (!seen) throw new Error('nothing is noted');
  await bringUpHost(api, 'cell1-host1');
  const due = () => query(api, 'select resource_provider_id from host_cleanups where due_at <= now()');
  await completeHostCleanups(api, [{ ...seen, due_at: null }]);
  expect(await due()).toHaveLength(1);
  await completeHostCleanups(api, [{ ...seen, due_at: '2999-01-01T00:00:00Z' }]);
  expect(await due()).toHaveLength(1);
  await completeHostCleanups(api, [{ ...seen, generation: seen.generation + 1, due_at: null }]);
  expect(await due()).toEqual([]);
});

test('a host that begins to end a guest, or cannot be asked, is asked again when that is due', async () => {
  const { id, created } = await begun();
  await forceDownHost(api, created.host);
  await reapNow();
  await bringUpHost(api, created.host);
  expect(await reapNow({ driver: cut })).toMatchObject({ guestsEnded: 0 });
  const [noted] = await query<{ due: number }>(api, 'select extract(epoch from due_at - now())::int as due from host_cleanups');
  expect(noted?.due).toBeGreaterThan(500);
  const due = () => query(api, 'update host_cleanups set due_at = now()');
  await due();
  expect(await reapNow({ driver })).toMatchObject({ guestsEnded: 0 });
  expect(await guests()).toHaveLength(1);
  const about = sent.at(-1)?.about;
  if (about?.operation !== 'destroy') throw new Error('nothing was to be ended');
  await report(success, { ...about, fencing_token: 0 });
  await report(success, { ...about, host: 'cell1-host9' });
  await report({ result: 'failure', message: 'No.' }, about);
  expect(await guests(), 'of another owner or host, or a failure').toHaveLength(1);
  await report(success, about);
  expect(await guests()).toEqual([]);
  expect((await rowOf(id))?.vm_state).toBe('active');
  await due();
  asked = [];
  expect(await reapNow({ driver })).toMatchObject({ guestsEnded: 0 });
  expect(asked).toEqual([]);
});

test('a host that is removed takes the records of its guests with it', async () => {
  const [host = ''] = await addHosts(api, 'cell1', 1, defaultHostResources);
  await query(cell, `insert into guests_to_end (host, instance_uuid, fencing_token) values (:host, gen_random_uuid(), 1)`, { host });
  const [mapping] = await query<{ uuid: string }>(api, `select uuid from cell_mappings where name = 'cell1'`);
  expect(await deleteHost(api, mapping?.uuid ?? '', host)).toBe('removed');
  expect(await guests()).toEqual([]);
});
