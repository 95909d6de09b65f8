/** What hosts report of themselves: their guests' power states, by Nova's table, and that they have started anew. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import { applyHostReport } from '../../../compute/hosts/apply-late-report.ts';
import type { Driver, HostReport, Operation } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { crashed, noState, paused, running, shutDown, suspended } from '../../../compute/servers/power-states.ts';
import { type ServerActionName, serverActions } from '../../../compute/servers/tasks/actions.ts';
import { beginAction } from '../../../compute/servers/tasks/begin-action.ts';
import { defaultSettings, type Settings } from '../../../compute/settings.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import type { TaskState, VmState } from '../../../database/servers/document.ts';
import { sendMessage } from '../../../lambdas/shared/queue.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { createServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
let cell: Database;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4, retryAfter: 2 });
  api = cloud.service.api;
  cell = cloud.database('cell1');
});
afterAll(async () => {
  try {
    await comeToRest(cloud.service);
    expect((await audit(api, { settled: true })).findings).toEqual([]);
  } finally {
    await cloud?.stop();
  }
});

let asked: Operation[];
beforeEach(() => {
  asked = [];
});
const noting = (driver: Driver): Driver => ({
  ...driver,
  begin(operation) {
    asked.push(operation);
    return driver.begin(operation);
  },
});
const atOnce = noting(simulatedDriver(noFailures));
/** Hosts that begin and say nothing more. */
const silent = noting(simulatedDriver({ ...noFailures, reportAfter: 0 }, async () => undefined));
const cut: Driver = { ...atOnce, begin: () => Promise.reject(new Error('no way to the host')) };

/** A server that runs, and what its host says of its guest. */
async function booted() {
  const { server, created } = await createServer(cloud);
  await buildOnHost(simulatedDriver(noFailures), created);
  return guestOf(server.id, created.host, created.connection, server.caller);
}

let sequence = 0;
function guestOf(id: string, host: string, url: string, caller: Parameters<typeof beginAction>[2]['caller']) {
  const guest = { server: id, fencing_token: 1 };
  const report = (
    about: HostReport['about'],
    power_state: number,
    changes: Partial<HostReport> = {},
    { driver = atOnce, settings = defaultSettings }: { driver?: Driver; settings?: Settings } = {},
  ) =>
    applyHostReport(
      { api, driver, settings },
      { about, host, cell: url, sequence: ++sequence, servers: [{ ...guest, power_state }], ...changes },
    );
  const row = async () => {
    const [found] = await query<Row>(
      cell,
      `select vm_state, task_state, power_state, task->>'attempt' as attempt from instances where uuid = :id::uuid`,
      { id },
    );
    return found;
  };
  const set = (vm_state: VmState, power_state: number, task_state: TaskState | null = null) =>
    query(cell, 'update instances set vm_state = :vm_state, power_state = :power_state, task_state = :task_state where uuid = :id::uuid', {
      id,
      vm_state,
      power_state,
      task_state,
    });
  const begin = (name: ServerActionName, requestId = 'req-begun') =>
    beginAction(api, silent, { caller, requestId, server: id, action: serverActions[name] });
  const actions = async () =>
    (
      await query<{ action: string; message: string | null; result: string | null; user_id: string | null }>(
        cell,
        `select a.action, a.message, e.result, a.user_id from instance_actions a join instance_actions_events e on e.action_id = a.id
         where instance_uuid = :id::uuid and action <> 'create' order by a.id`,
        { id },
      )
    ).map(({ user_id, ...action }) => ({ ...action, asked: user_id !== null }));
  return { id, host, url, guest, report, row, set, begin, actions };
}
interface Row {
  vm_state: VmState;
  task_state: TaskState | null;
  power_state: number;
  attempt: string | null;
}

describe('power states', () => {
  const stopped: Partial<Row> = { vm_state: 'stopped', power_state: shutDown, task_state: null };
  const done = [{ action: 'stop', message: null, result: 'Success', asked: false }];

  test.each<[VmState, number, number, Partial<Row>, 'recorded' | 'on its host' | 'nothing']>([
    ['active', running, running, { vm_state: 'active', power_state: running }, 'nothing'],
    ['active', running, shutDown, stopped, 'recorded'],
    ['active', running, crashed, stopped, 'recorded'],
    ['active', running, suspended, stopped, 'on its host'],
    ['active', running, paused, { vm_state: 'active', power_state: paused }, 'nothing'],
    ['active', running, noState, { vm_state: 'active', power_state: noState }, 'nothing'],
    ['stopped', shutDown, running, stopped, 'on its host'],
    ['stopped', shutDown, paused, stopped, 'on its host'],
    ['stopped', shutDown, suspended, stopped, 'on its host'],
    ['stopped', shutDown, crashed, { vm_state: 'stopped', power_state: crashed }, 'nothing'],
    ['stopped', shutDown, noState, { vm_state: 'stopped', power_state: noState }, 'nothing'],
    ['paused', paused, shutDown, stopped, 'recorded'],
    ['paused', paused, crashed, stopped, 'recorded'],
    ['paused', paused, running, { vm_state: 'paused', power_state: running }, 'nothing'],
    ['rescued', running, shutDown, { vm_state: 'rescued', power_state: shutDown }, 'nothing'],
    ['suspended', suspended, running, { vm_state: 'suspended', power_state: running }, 'nothing'],
    ['error', running, shutDown, { vm_state: 'error', power_state: shutDown }, 'nothing'],
  ])('of a server that is %s (%i), whose guest is %i', async (vm_state, before, reported, after, how) => {
    const { id, set, report, row, actions } = await booted();
    await set(vm_state, before);
    if (vm_state === 'error')
      await query(cell, 'insert into instance_faults (instance_uuid, code, message) values (:id::uuid, 500, 1)', { id });
    const number = ++sequence;
    await report('power_states', reported, { sequence: number });
    expect(await row()).toMatchObject({ ...after, task_state: null });
    expect(await actions()).toEqual(how === 'nothing' ? [] : done);
    expect(asked.map(({ operation }) => operation)).toEqual(how === 'on its host' ? ['power_off'] : []);
    const settled = [await row(), await actions(), asked.length];
    await report('power_states', reported, { sequence: number });
    expect([await row(), await actions(), asked.length], 'once more').toEqual(settled);
  });

  test('of a server in a task, on another host, of another owner, or from before the last report change nothing', async () => {
    const { guest, report, row, set } = await booted();
    const before = await row();
    const last = ++sequence;
    await report('power_states', running, { sequence: last });
    await report('power_states', shutDown, { sequence: last });
    await report('power_states', shutDown, { sequence: last - 1 });
    await report('power_states', shutDown, { host: 'cell1-host9' });
    await report('power_states', 0, { servers: [{ ...guest, fencing_token: 2, power_state: shutDown }] });
    expect(await row()).toEqual(before);
    const off = ++sequence;
    await report('power_states', shutDown, { sequence: off });
    await set('active', shutDown);
    await report('power_states', shutDown, { sequence: off });
    expect(await row(), 'the same once more, of a server that an admin called active').toMatchObject({ vm_state: 'active' });
    await set('active', running, 'rebooting');
    await report('power_states', shutDown);
    expect(await row()).toEqual({ ...before, task_state: 'rebooting' });
    await set('active', running);
  });

  test('come through the queue, and a stop whose host cannot be asked is left to the reaper', async () => {
    const { id, host, url, guest, row, report } = await booted();
    const [one, other] = [++sequence, ++sequence];
    await expect(report('power_states', suspended, { sequence: one }, { driver: cut })).rejects.toThrow('no way');
    expect(await row()).toMatchObject({ vm_state: 'active', task_state: 'powering-off' });
    const noted = await query(api, 'select 1 as one from pending_cleanups where instance_uuid = :id::uuid', { id });
    expect(noted).toHaveLength(1);
    await comeToRest(cloud.service);
    expect(await row()).toMatchObject({ vm_state: 'stopped', power_state: shutDown, task_state: null });
    const ofHost: HostReport = { about: 'power_states', host, cell: url, sequence: other, servers: [{ ...guest, power_state: crashed }] };
    await sendMessage(process.env.REPORTS_QUEUE ?? '', ofHost, 0);
    await expect.poll(row).toMatchObject({ vm_state: 'stopped', power_state: crashed });
    expect(cloud.service.reports.deadLetters).toEqual([]);
  });

  test('are the same when the answer to the statement is lost', async () => {
    const { set, report, row, actions } = await booted();
    await set('stopped', shutDown);
    const lost = cloud.service.dataApi.faults.add({ kind: 'after', sql: 'host_reports', nth: 1 });
    await report('power_states', running);
    expect(lost.hits).toBe(1);
    expect(await row()).toMatchObject({ vm_state: 'stopped', power_state: shutDown });
    expect(await actions()).toHaveLength(1);
    expect(asked.map(({ operation }) => operation)).toEqual(['power_off']);
  });
});

describe('a host that has started anew', () => {
  test.each<[ServerActionName, VmState, number, Partial<Row>, { message: string | null; asks?: string; type?: string }]>([
    ['stop', 'active', running, { vm_state: 'stopped', power_state: shutDown }, { message: null, asks: 'power_off' }],
    ['start', 'stopped', shutDown, { vm_state: 'active', power_state: running }, { message: null, asks: 'power_on' }],
    ['softReboot', 'active', running, { vm_state: 'active', power_state: running }, { message: null }],
    ['softReboot', 'active', shutDown, { vm_state: 'active', power_state: running }, { message: null, asks: 'reboot', type: 'HARD' }],
    ['hardReboot', 'stopped', shutDown, { vm_state: 'active', power_state: running }, { message: null, asks: 'reboot', type: 'HARD' }],
    ['pause', 'active', running, { vm_state: 'active', power_state: running }, { message: 'Error' }],
    ['unpause', 'paused', running, { vm_state: 'active', power_state: running }, { message: null }],
    ['unpause', 'paused', paused, { vm_state: 'active', power_state: running }, { message: null, asks: 'unpause' }],
  ])('in a %s of a server that is %s, whose guest is %i', async (name, vm_state, guest_state, after, { message, asks, type }) => {
    const { begin, set, report, row, actions } = await booted();
    await set(vm_state, vm_state === 'active' ? running : guest_state);
    await begin(name);
    expect((await row())?.attempt).toBe('1');
    asked = [];
    const number = ++sequence;
    await report('started', guest_state, { sequence: number });
    expect(await row()).toMatchObject({ ...after, task_state: null, attempt: null });
    expect((await actions()).map((action) => action.message)).toEqual([message]);
    expect(asked.map(({ operation }) => operation)).toEqual(asks ? [asks] : []);
    if (type) expect(asked).toMatchObject([{ arguments: { type }, task: { attempt: 2 } }]);
    const settled = [await row(), await actions(), asked.length];
    await report('started', guest_state, { sequence: number });
    expect([await row(), await actions(), asked.length], 'once more').toEqual(settled);
  });

  test('leaves a build that it had begun in ERROR, where it is; the report of an earlier owner or another host does not', async () => {
    const { server, created } = await createServer(cloud);
    await buildOnHost(silent, created);
    const { report, row, guest } = guestOf(server.id, created.host, created.connection, server.caller);
    await report('started', 0, { servers: [{ ...guest, fencing_token: 0, power_state: noState }] });
    await report('started', 0, { host: 'cell1-host9' });
    await report('started', 0, { servers: [] });
    expect(await row()).toMatchObject({ vm_state: 'building', attempt: '1' });
    await report('started', noState);
    expect(await row()).toMatchObject({ vm_state: 'error', task_state: null, attempt: null });
    const [action] = await query(cell, 'select message from instance_actions where instance_uuid = :id::uuid', { id: server.id });
    expect(action).toEqual({ message: 'Error' });
  });

  test('leaves other tasks to their due time, and servers that are in none as they are', async () => {
    const one = await booted();
    const before = await one.row();
    await one.report('started', shutDown);
    expect(await one.row()).toEqual(before);
    await one.begin('pause');
    await one.report('started', running, { sequence });
    expect(await one.row(), 'the same report again').toMatchObject({ task_state: 'pausing' });
    await one.report('started', running);
    await one.begin('suspend', 'req-other');
    const inTask = await one.row();
    await one.report('started', shutDown);
    expect(await one.row()).toEqual(inTask);
  });

  test('starts again what ran, where the deployment wants it', async () => {
    const { report, row, actions } = await booted();
    const settings = { ...defaultSettings, resume_guests_state_on_host_boot: true };
    await report('started', running, {}, { settings });
    expect(asked).toEqual([]);
    await report('started', shutDown, {}, { settings });
    expect(asked).toMatchObject([{ operation: 'reboot', arguments: { type: 'HARD' } }]);
    expect(await row()).toMatchObject({ vm_state: 'active', power_state: running, task_state: null });
    expect(await actions()).toEqual([{ action: 'reboot', message: null, result: 'Success', asked: false }]);
  });

  test('is asked again when the report that could not be applied comes again, and only then', async () => {
    const { begin, report, row } = await booted();
    await begin('stop');
    const number = ++sequence;
    await expect(report('started', running, { sequence: number }, { driver: cut })).rejects.toThrow('no way');
    expect(await row()).toMatchObject({ task_state: 'powering-off', attempt: '2' });
    await report('started', running, { sequence: number });
    expect(await row()).toMatchObject({ vm_state: 'stopped', task_state: null });
  });

  test('ends what it runs of servers that have left it, though nobody has said that it is up', async () => {
    const { id, report, host } = await booted();
    const other = 'cell1-host2' === host ? 'cell1-host1' : 'cell1-host2';
    await query(cell, 'insert into guests_to_end (host, instance_uuid, fencing_token) values (:other, :id::uuid, 1)', { other, id });
    await report('started', 0, { servers: [] });
    const guests = () => query(cell, 'select host from guests_to_end');
    expect(await guests()).toHaveLength(1);
    await report('started', 0, { host: other, servers: [] });
    expect(asked).toMatchObject([{ operation: 'destroy', host: other, server: id, fencing_token: 1 }]);
    expect(await guests()).toEqual([]);
  });
});
