/** Reports that come later than they should, twice, before their begin was noted, of an earlier owner, or never. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import type { ContinuedBoot } from '../../../compute/boot/apply-build-report.ts';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import type { CreatedInCell } from '../../../compute/boot/create-in-cell.ts';
import { createInCell } from '../../../compute/boot/create-in-cell.ts';
import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { applyLateReport, applyProgress } from '../../../compute/hosts/apply-late-report.ts';
import type { Begun, Driver, LateReport, Operation, Report } from '../../../compute/hosts/drivers/driver.ts';
import { guestOf } from '../../../compute/hosts/drivers/guest.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { reap } from '../../../compute/reaper/reap.ts';
import { deleteServer } from '../../../compute/servers/delete-server.ts';
import { serverActions } from '../../../compute/servers/tasks/actions.ts';
import { beginAction } from '../../../compute/servers/tasks/begin-action.ts';
import { defaultSettings } from '../../../compute/settings.ts';
import { moveAllocations } from '../../../database/api/hosts/allocations.ts';
import { type BuildStep, failOverdueBuild } from '../../../database/cell/instances/build.ts';
import { resetInstanceState } from '../../../database/cell/instances/reset-state.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { standingOf } from '../../fixtures/standing.ts';
import { createServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4, retryAfter: 2 });
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());

let asked: Operation[];
let sent: LateReport[];
let continued: ContinuedBoot[];
beforeEach(() => {
  asked = [];
  sent = [];
  continued = [];
});
afterEach(() => comeToRest(cloud.service));

const success: Report = { result: 'success' };
const failure: Report = { result: 'failure', message: 'The disk is broken.' };

/** Hosts that begin what they are asked, note it, and have until then; what they report is sent by the test. */
function hosts(dueAt = Date.now() + 600_000): Driver {
  const noting = simulatedDriver({ ...noFailures, reportAfter: 1 }, async (report) => void ('report' in report && sent.push(report)));
  return {
    ...noting,
    async begin(operation) {
      asked.push(operation);
      await noting.begin(operation);
      return { result: 'begun', due_at: new Date(dueAt).toISOString() } satisfies Begun;
    },
  };
}

const startBoot = async (boot: ContinuedBoot) => void continued.push(boot);

/** Applies a report about what a host was asked; by default about the last. */
function report(outcome: Report, about = sent.at(-1)?.about) {
  if (!about) throw new Error('nothing was asked');
  return applyLateReport({ api, driver: hosts(), settings: defaultSettings, startBoot }, { about, report: outcome });
}

const begun = async (dueAt?: number) => {
  const made = await createServer(cloud);
  await buildOnHost(hosts(dueAt), made.created);
  return { ...made, look: () => standingOf(cloud, made.server, made.here), cell: cloud.database(made.here) };
};

const taskOf = async (cell: Database, id: string) => {
  const [row] = await query<{ task: unknown; vm_state: string; task_state: string | null; power_state: number }>(
    cell,
    'select task, vm_state, task_state, power_state from instances where uuid = :id::uuid',
    { id },
  );
  return row;
};

/** Looks as the reaper does at a time that all heartbeats are older than. */
const reapNow = () => reap({ api, driver: hosts(), startBoot: async () => undefined, silence: 0 });

test('a build that its host has begun is noted with its due time, and ends by the report', async () => {
  const dueAt = Date.now() + 600_000;
  const { server, cell, look } = await begun(dueAt);
  expect(await look()).toMatchObject({ shown: 'BUILD', allocated: 'here', rows: { here: { state: 'building' } } });
  expect((await taskOf(cell, server.id))?.task).toMatchObject({
    action: 'create',
    request_id: server.requestId,
    attempt: 1,
    due_at: expect.any(String),
  });
  expect(await report(success)).toMatchObject({ uuid: server.id, request_id: server.requestId, seconds: expect.any(Number) });
  expect(await look()).toMatchObject({ shown: 'ACTIVE', allocated: 'here' });
  expect((await taskOf(cell, server.id))?.task).toBeNull();
});

test('the steps of a build are shown as its host reports them, and none takes it back or out of a later state', async () => {
  const { server, cell } = await begun();
  const about = sent[0]?.about;
  if (about?.operation !== 'spawn') throw new Error('nothing was asked');
  const step = async (step: BuildStep, changes: Partial<typeof about> = {}) => {
    await applyProgress({ about: { ...about, ...changes }, progress: { step } });
    return (await taskOf(cell, server.id))?.task_state;
  };
  expect((await taskOf(cell, server.id))?.task_state).toBe('scheduling');
  expect(await step('networking', { host: 'cell1-host9' }), 'of another host').toBe('scheduling');
  expect(await step('networking', { fencing_token: 0 }), 'of another owner').toBe('scheduling');
  expect(await step('networking')).toBe('networking');
  expect(await step('networking'), 'twice').toBe('networking');
  expect(await step('spawning')).toBe('spawning');
  expect(await step('block_device_mapping'), 'out of order').toBe('spawning');
  const user = await cloud.newUser('member', server.caller.projectId);
  const { body } = await user.send<{ server: Record<string, unknown> }>('GET', `/servers/${server.id}`);
  expect(body.server).toMatchObject({ status: 'BUILD', 'OS-EXT-STS:task_state': 'spawning' });
  await report(success);
  expect(await step('networking'), 'late').toBeNull();
});

test('how much of a task is done is shown as its host reports it, and never less; it goes with the task', async () => {
  const { server, created, cell } = await begun();
  await report(success);
  await beginAction(api, hosts(), { caller: server.caller, requestId: 'req-pause', server: server.id, action: serverActions.pause });
  const about = sent.at(-1)?.about;
  if (!about || !('task' in about)) throw new Error('nothing was asked');
  const percent = async (percent: number, task = about.task) => {
    await applyProgress({ about: { ...about, task }, progress: { percent } });
    const [row] = await query<{ progress: number }>(cell, 'select progress from instances where uuid = :id::uuid', { id: server.id });
    return row?.progress;
  };
  expect(created.host).toBe(about.host);
  expect(await percent(40, { ...about.task, attempt: 2 }), 'of another attempt').toBe(0);
  expect([await percent(40), await percent(20), await percent(60)]).toEqual([40, 40, 60]);
  await report(success);
  expect([await percent(0), await percent(80)], 'late').toEqual([0, 0]);
});

test('a report that comes before the begin was noted ends the build, and the note changes nothing', async () => {
  const { server, created, here } = await createServer(cloud);
  const quick: Driver = {
    ...hosts(),
    async begin(operation) {
      const answer = await hosts().begin(operation);
      await report(success);
      return answer;
    },
  };
  await buildOnHost(quick, created);
  expect(await standingOf(cloud, server, here)).toMatchObject({ shown: 'ACTIVE' });
  expect((await taskOf(cloud.database(here), server.id))?.task).toBeNull();
});

test('a build is due when its host says, or when instance_build_timeout is over, whichever is earlier', async () => {
  const dueIn = async (timeout: number) => {
    const { created, server, here } = await createServer(cloud);
    await buildOnHost(hosts(Date.now() + 600_000), created, undefined, { ...defaultSettings, instance_build_timeout: timeout });
    const [row] = await query<{ due: number }>(
      cloud.database(here),
      `select extract(epoch from (task->>'due_at')::timestamptz - created_at)::float8 as due from instances where uuid = :id::uuid`,
      { id: server.id },
    );
    return row?.due;
  };
  expect(await dueIn(0)).toBeCloseTo(600, -1);
  expect(await dueIn(3_000)).toBeCloseTo(600, -1);
  expect(await dueIn(120)).toBeCloseTo(120, -1);
});

test('a report that comes again changes nothing, whatever became of the server since', async () => {
  const { server, cell } = await begun();
  const about = sent.at(-1)?.about;
  await report(success, about);
  await query(cell, `update instances set vm_state = 'stopped', power_state = 4 where uuid = :id::uuid`, { id: server.id });
  const stopped = await taskOf(cell, server.id);
  expect(await report(success, about)).toMatchObject({ seconds: null });
  await report(failure, about);
  expect(await taskOf(cell, server.id)).toEqual(stopped);
  expect(asked.map(({ operation }) => operation)).toEqual(['spawn']);
  expect(continued).toEqual([]);
});

test('a build that an admin called ACTIVE meanwhile is launched when its host reports it', async () => {
  const { server, cell } = await begun();
  await resetInstanceState(cell, server.id, { requestId: 'req-reset', userId: 'u', projectId: 'p' }, 'active');
  await report(success);
  const launched = () => query(cell, 'select vm_state, power_state, launched_at from instances where uuid = :id::uuid', { id: server.id });
  const first = await launched();
  expect(first).toEqual([{ vm_state: 'active', power_state: 1, launched_at: expect.any(String) }]);
  await report(success);
  expect(await launched()).toEqual(first);
});

test('a report of an earlier owner changes nothing, and what that had started is ended by its token', async () => {
  const { server, created, cell, here } = await begun();
  const about = sent.at(-1)?.about;
  await query(api, `update instance_mappings set execution = 'next', fencing_token = 2 where instance_uuid = :id::uuid`, { id: server.id });
  const [placement] = await scheduleServers(api, 'next', [server.id]);
  if (!placement) throw new Error('no placement');
  const next = await createInCell(api, placement);
  await buildOnHost(hosts(), next.created, next.instance);
  await report(failure, about);
  expect(continued).toEqual([]);
  await report(success, about);
  expect(asked.at(-1)).toMatchObject({ operation: 'destroy', host: created.host, fencing_token: 1 });
  expect(await taskOf(cell, server.id)).toMatchObject({ vm_state: 'building', task: { due_at: expect.any(String) } });
  await report(success, sent.find(({ about }) => about.fencing_token === 2)?.about);
  expect(await standingOf(cloud, server, here)).toMatchObject({ shown: 'ACTIVE', rows: { here: { token: 2 } } });
});

test('a failure goes on once on the next host, named by the build, and the host that failed is asked no more', async () => {
  const { server, created, look } = await begun();
  await report(failure);
  await report(failure);
  const { host, execution, alternates } = created;
  const boot: ContinuedBoot = {
    ...{ name: `${server.id}-1-1`, execution, requestId: server.requestId, servers: [server.id] },
    failed: { host, alternates, attempt: 1, failure: { Error: 'BuildFailure', Cause: 'The disk is broken.' } },
  };
  expect(continued).toEqual([boot, boot]);
  const [placement] = await scheduleServers(api, execution, [server.id]);
  if (!placement) throw new Error('no placement');
  const { created: again } = await createInCell(api, { ...placement, failed: boot.failed });
  expect(again).toMatchObject({ host, alternates, attempt: 1 } satisfies Partial<CreatedInCell>);
  await expect(buildOnHost(hosts(), again)).rejects.toMatchObject({ name: 'BuildFailure', message: 'The disk is broken.' });
  const [next = '', ...others] = alternates;
  await moveAllocations(api, { uuid: server.id, fencing_token: 1 }, host, alternates);
  const { created: moved } = await createInCell(api, { ...placement, host: next, failed: boot.failed });
  expect(moved).toMatchObject({ host: next, alternates: others, attempt: 2 });
  expect(moved.reported).toBeUndefined();
  expect(asked.filter(({ operation }) => operation === 'spawn')).toHaveLength(1);
  expect(await look()).toMatchObject({ shown: 'BUILD' });
});

test('what stopped between the begin and its note is begun again, by another owner, after a while', async () => {
  const { server, created, instance, here } = await createServer(cloud);
  await hosts().begin({
    ...{ operation: 'spawn', server: server.id, host: created.host, cell: created.connection, fencing_token: 1 },
    ...{ guest: guestOf(instance), secrets: null, build: { execution: created.execution, alternates: [], attempt: 1 } },
  });
  expect(await reapNow()).toMatchObject({ resumed: 1, overdue: 0 });
  await comeToRest(cloud.service);
  expect(await standingOf(cloud, server, here)).toMatchObject({ shown: 'ACTIVE', rows: { here: { token: 3 } } });
});

test('a host that has begun is waited for until the build is due: the reaper touches nothing and comes again then', async () => {
  const dueAt = new Date(Date.now() + 600_000).toISOString();
  const { server, created, cell, look } = await begun(Date.parse(dueAt));
  expect(await failOverdueBuild(cell, { uuid: server.id, fencing_token: 1 }, created.host)).toBeUndefined();
  expect(await reapNow()).toMatchObject({ resumed: 0, overdue: 0 });
  const [cleanup] = await query<{ due: string }>(
    api,
    `select to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as due from pending_cleanups where instance_uuid = :id::uuid`,
    { id: server.id },
  );
  expect(cleanup?.due).toBe(dueAt);
  expect((await audit(api, { settled: true })).findings).toEqual([]);
  expect(await look()).toMatchObject({ shown: 'BUILD', rows: { here: { token: 1 } } });
  await report(success);
  expect(await look()).toMatchObject({ shown: 'ACTIVE' });
});

test('a host that is silent past the due time leaves its server in ERROR, where it is, until it reports that the server runs', async () => {
  const { server, look, cell } = await begun(Date.now() - 1);
  expect((await audit(api, { settled: true })).findings).toMatchObject([{ kind: 'task-overdue', ids: { server: server.id } }]);
  expect(await reapNow()).toMatchObject({ overdue: 1, resumed: 0 });
  const inError = { shown: 'ERROR', used: 1, allocated: 'here', rows: { here: { state: 'error', host: 'allocated' } } };
  expect(await look()).toMatchObject(inError);
  const user = await cloud.newUser('member', server.caller.projectId);
  const { body } = await user.send<{ server: { fault: { message: string } } }>('GET', `/servers/${server.id}`);
  expect(body.server.fault.message).toBe(`Build of instance ${server.id} aborted: the host did not report its end in time.`);
  const before = await taskOf(cell, server.id);
  const [about] = sent.map((late) => late.about);
  await report(failure, about);
  expect(await taskOf(cell, server.id)).toEqual(before);
  expect(await look()).toMatchObject(inError);
  for (const outcome of [success, success, failure]) {
    await report(outcome, about);
    expect(await look()).toMatchObject({ ...inError, shown: 'ACTIVE', rows: { here: { state: 'active', host: 'allocated' } } });
  }
  expect([asked.length, continued]).toEqual([1, []]);
});

test('the place of a deleted server is free when its host reports that it has ended it, and no other report frees it', async () => {
  const { server, look } = await begun();
  await report(success);
  await deleteServer(api, hosts(), server.caller, 'req-delete', server.id);
  const ending = { shown: 404, used: 0, allocated: 'here', mapping: { deleted: true }, cleanups: ['here'] };
  expect(await look()).toMatchObject(ending);
  const about = sent.at(-1)?.about;
  if (about?.operation !== 'destroy') throw new Error('nothing was to be ended');
  await report(success, { ...about, host: 'cell1-host9' });
  await report(success, { ...about, fencing_token: 0 });
  await report(failure, about);
  expect(await look(), 'of another host or owner, or a failure').toMatchObject(ending);
  await report(success, about);
  expect(await look()).toMatchObject({ shown: 404, used: 0, allocated: null, cleanups: [] });
  await report(success, about);
  expect(await look(), 'once more').toMatchObject({ used: 0, allocated: null });
});

test('a report that a server has ended deletes none that lives', async () => {
  const { server, created, look } = await begun();
  await report(success);
  const { host, connection: cell, fencing_token } = created;
  await report(success, { operation: 'destroy', server: server.id, host, cell, fencing_token });
  expect(await look()).toMatchObject({ shown: 'ACTIVE', used: 1, allocated: 'here' });
});

test('a report that comes before the delete has noted that the host has begun frees all, and the note brings nothing back', async () => {
  const { server, look } = await begun();
  await report(success);
  const quick: Driver = {
    ...hosts(),
    async begin(operation) {
      const answer = await hosts().begin(operation);
      await report(success);
      return answer;
    },
  };
  await deleteServer(api, quick, server.caller, 'req-delete', server.id);
  expect(await look()).toMatchObject({ shown: 404, used: 0, allocated: null, cleanups: [] });
});

test('a host that is silent about a deleted server is asked again when that is due, and the audit knows why it has a place', async () => {
  const { server, look } = await begun();
  await report(success);
  await deleteServer(api, hosts(Date.now() - 1), server.caller, 'req-delete', server.id);
  expect(asked.map(({ operation }) => operation)).toEqual(['spawn', 'destroy']);
  expect(await reapNow()).toMatchObject({ released: 0 });
  expect(asked.map(({ operation }) => operation)).toEqual(['spawn', 'destroy', 'destroy']);
  expect(await look()).toMatchObject({ used: 0, allocated: 'here', cleanups: ['here'] });
  await report(success);
  expect(await look()).toMatchObject({ used: 0, allocated: null, cleanups: [] });
});
