/** A task from its acceptance to its end, on hosts that answer when a test lets them: late, twice, out of order, or never. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Driver, Report, TaskOperation } from '../../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../../compute/hosts/drivers/simulated.ts';
import { reap } from '../../../../compute/reaper/reap.ts';
import { deleteServer } from '../../../../compute/servers/delete-server.ts';
import { type ServerActionName, serverActions } from '../../../../compute/servers/tasks/actions.ts';
import { applyReport } from '../../../../compute/servers/tasks/apply-report.ts';
import { beginAction } from '../../../../compute/servers/tasks/begin-action.ts';
import { defaultSettings, type Settings } from '../../../../compute/settings.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';
import { changesNothing } from '../../../fixtures/contents.ts';

let cloud: Cloud;
let user: User;
let server: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 8 });
});
afterAll(() => cloud?.stop());

/** What the hosts were asked, and how they answer. */
let asked: TaskOperation[] = [];
let answer: () => Promise<Report | { result: 'begun'; due_at: string }> = async () => ({ result: 'success' });
const driver: Driver = {
  ...simulatedDriver(noFailures),
  begin(operation) {
    if ('task' in operation) asked.push(operation);
    return answer();
  },
};
const begun = async () => ({ result: 'begun' as const, due_at: new Date(Date.now() + 600_000).toISOString() });

beforeEach(async () => {
  user = await cloud.newUser();
  server = await user.boot();
  await user.settled(server);
  await cloud.service.workflow.drain();
  await query(cloud.service.api, 'delete from pending_cleanups');
  asked = [];
  answer = begun;
});

const callerOf = ({ userId, projectId }: User) => ({ userId, projectId, userName: 'u', projectName: 'p', roles: ['member'] });

function act(name: ServerActionName, requestId = `req-${randomUUID()}`, settings?: Settings) {
  const request = { caller: callerOf(user), requestId, server, action: serverActions[name] };
  return beginAction(cloud.service.api, driver, request, settings);
}

interface Row {
  vm_state: string;
  task_state: string | null;
  power_state: number;
  task: { action: string; attempt: number; due_at: string | null } | null;
}

async function row(): Promise<Row> {
  const [found] = await query<Row>(
    cloud.database('cell1'),
    'select vm_state, task_state, power_state, task from instances where uuid = :server::uuid',
    { server },
  );
  if (!found) throw new Error('no row');
  return found;
}

/** The actions on record, the latest first, with the result of their event. */
async function records() {
  return query<{ action: string; message: string | null; ended: boolean; result: string | null; details: string | null }>(
    cloud.database('cell1'),
    `select a.action, a.message, a.finish_time is not null as ended, e.result, e.details
     from instance_actions a left join instance_actions_events e on e.action_id = a.id
     where instance_uuid = :server::uuid order by a.id desc`,
    { server },
  );
}

async function report(operation: TaskOperation | undefined, result: Report, name: ServerActionName): Promise<boolean> {
  if (!operation) throw new Error('the host was not asked');
  const tasks = { api: cloud.service.api, settings: defaultSettings };
  const ended = await applyReport(tasks, operation.cell, serverActions[name], { ...operation.task, server: operation.server }, result);
  return ended !== undefined;
}

const success: Report = { result: 'success' };
const failure: Report = { result: 'failure', message: 'The disk is broken.' };

/** Lets the reaper look at everything that is noted, and lets tasks be due when `due` says so. */
async function runReaper({ due = false, settings = defaultSettings } = {}) {
  if (due) {
    await query(
      cloud.database('cell1'),
      `update instances set task = task || jsonb_build_object('due_at', now() - interval '1 second') where uuid = :server::uuid and task->>'due_at' is not null`,
      { server },
    );
    await query(cloud.service.api, `update pending_cleanups set due_at = now()`);
  }
  return reap({ api: cloud.service.api, driver, settings, startBoot: async () => undefined, silence: 0 });
}

const noted = async () => (await query(cloud.service.api, 'select 1 as one from pending_cleanups')).length;

describe('a host that answers later', () => {
  test('keeps the server in its task until it reports the end, which is one call', async () => {
    expect(await act('stop')).toEqual({});
    expect(await row()).toMatchObject({
      vm_state: 'active',
      task_state: 'powering-off',
      task: { action: 'stop', attempt: 1, due_at: expect.any(String) },
    });
    expect((await records())[0]).toEqual({ action: 'stop', message: null, ended: false, result: null, details: null });
    const before = cloud.service.dataApi.calls.mark();
    expect(await report(asked[0], success, 'stop')).toBe(true);
    expect(cloud.service.dataApi.calls.since(before)).toHaveLength(1);
    expect(await row()).toEqual({ vm_state: 'stopped', task_state: null, power_state: 4, task: null });
    expect((await records())[0]).toEqual({ action: 'stop', message: null, ended: true, result: 'Success', details: null });
  });

  test('that reports twice, or of another request, attempt or action, changes nothing', async () => {
    await act('pause');
    const [operation] = asked;
    if (!operation) throw new Error('the host was not asked');
    const { task } = operation;
    for (const other of [
      { ...task, request_id: 'req-other' },
      { ...task, attempt: 2 },
      { ...task, action: 'stop' },
    ]) {
      const stale = { ...operation, task: other };
      expect(await changesNothing(cloud.database('cell1'), () => report(stale, success, 'pause'))).toBe(false);
    }
    expect(await report(operation, success, 'pause')).toBe(true);
    expect(await changesNothing(cloud.database('cell1'), () => report(operation, failure, 'pause'))).toBe(false);
    expect(await row()).toMatchObject({ vm_state: 'paused', task_state: null });
  });

  test('and fails, ends the task whatever it says, also what is no text of PostgreSQL', async () => {
    await act('pause');
    expect(await report(asked[0], { result: 'failure', message: 'broken\0 \ud800 disk' }, 'pause')).toBe(true);
    expect((await records())[0]).toMatchObject({ ended: true, result: 'Error', details: 'broken \ufffd disk' });
  });

  test('reports too late when another action took the place of its own; the other one goes on', async () => {
    await act('softReboot');
    await act('hardReboot');
    expect((await records()).slice(0, 2)).toEqual([
      { action: 'reboot', message: null, ended: false, result: null, details: null },
      { action: 'reboot', message: 'Error', ended: true, result: 'Error', details: 'Another action took its place.' },
    ]);
    expect(await changesNothing(cloud.database('cell1'), () => report(asked[0], success, 'softReboot'))).toBe(false);
    expect(await row()).toMatchObject({ task_state: 'rebooting_hard' });
    expect(await report(asked[1], success, 'hardReboot')).toBe(true);
    expect(await row()).toMatchObject({ vm_state: 'active', task_state: null });
  });

  test.each([
    [success, { message: null, result: 'Success', details: null }],
    [failure, { message: 'Error', result: 'Error', details: failure.message }],
  ])('a crash dump beside which another action was accepted: its record ends as it reports (%j)', async (result, end) => {
    await act('triggerCrashDump');
    await act('pause');
    expect((await records())[1]).toMatchObject({ action: 'trigger_crash_dump', details: 'Another action took its place.' });
    expect(await report(asked[0], result, 'triggerCrashDump')).toBe(true);
    expect((await records())[1]).toEqual({ action: 'trigger_crash_dump', ended: true, ...end });
    expect(await changesNothing(cloud.database('cell1'), () => report(asked[0], failure, 'triggerCrashDump'))).toBe(false);
    expect(await row()).toMatchObject({ task_state: 'pausing', task: { action: 'pause' } });
    expect((await records())[0]).toMatchObject({ action: 'pause', ended: false });
  });

  test('reports too late when the server was deleted meanwhile', async () => {
    await act('stop');
    await deleteServer(cloud.service.api, driver, callerOf(user), `req-${randomUUID()}`, server);
    expect(await changesNothing(cloud.database('cell1'), () => report(asked[0], success, 'stop'))).toBe(false);
    expect(await row()).toMatchObject({ vm_state: 'deleted', task_state: null, task: null });
  });
});

test('the reaper says for how long the oldest task that it looks at is under way', async () => {
  await act('stop');
  await query(
    cloud.database('cell1'),
    `update instances set task = task || jsonb_build_object('asked_at', now() - interval '2 hours') where uuid = :server::uuid`,
    { server },
  );
  expect((await runReaper()).oldestTask).toBeCloseTo(7_200, -1);
});

test('a guest has the seconds of shutdown_timeout to shut down, also when its host is asked again, and its host a minute more', async () => {
  const settings = { ...defaultSettings, shutdown_timeout: 300 };
  answer = () => Promise.reject(new Error('the way to the host is down'));
  await act('softReboot', undefined, settings);
  await runReaper({ settings }).catch(() => undefined);
  answer = begun;
  await act('hardReboot', undefined, settings);
  expect(asked.map(({ time }) => time)).toEqual([360, 360, 60]);
});

test('one of two actions at once is accepted, and the other one is refused for it', async () => {
  const answers = await Promise.allSettled([act('stop'), act('pause')]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(asked).toHaveLength(1);
  const [refused] = answers.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
  expect(refused).toMatch(/while it is in task_state (powering-off|pausing)$/);
});

test('an action is noted before it is accepted, so that whatever happens after it is ended', async () => {
  const lost = cloud.service.dataApi.faults.add({
    kind: 'after',
    error: 'DatabaseUnavailableException',
    sql: (sql) => sql.includes('accepted as'),
  });
  await expect(act('stop')).rejects.toThrow();
  lost.lift();
  expect(await row()).toMatchObject({ task_state: 'powering-off', task: { due_at: null } });
  answer = async () => success;
  expect(await runReaper({ due: true })).toMatchObject({ tasks: 1 });
  expect(asked).toMatchObject([{ operation: 'power_off', task: { attempt: 2 } }]);
  expect(await row()).toMatchObject({ vm_state: 'stopped', task_state: null });
  expect(await noted()).toBe(0);
});

test('a refused action leaves nothing for the reaper to do', async () => {
  await expect(act('unpause')).rejects.toThrow('vm_state active');
  expect(await runReaper()).toMatchObject({ tasks: 0 });
  expect(await noted()).toBe(0);
});

describe('the reaper', () => {
  test('leaves a task alone before it is due, and looks again then', async () => {
    await act('stop');
    expect(await runReaper()).toMatchObject({ tasks: 0 });
    const [{ minutes } = { minutes: 0 }] = await query<{ minutes: number }>(
      cloud.service.api,
      'select extract(epoch from due_at - now())::float8 / 60 as minutes from pending_cleanups',
    );
    expect(minutes).toBeCloseTo(10, 0);
    expect(await row()).toMatchObject({ task: { due_at: expect.any(String) } });
  });

  test('asks a host again that could not be asked, three times in all, and then fails the task', async () => {
    answer = () => Promise.reject(new Error('no route to host'));
    expect(await act('stop')).toEqual({ error: new Error('no route to host') });
    for (const attempt of [2, 3]) {
      await expect(runReaper({ due: true })).rejects.toThrow('no route to host');
      expect(asked.at(-1)?.task.attempt).toBe(attempt);
    }
    expect(await runReaper({ due: true })).toMatchObject({ tasks: 0, overdue: 1 });
    expect(asked).toHaveLength(3);
    expect(await row()).toMatchObject({ vm_state: 'active', task_state: null });
    expect((await records())[0]).toMatchObject({ message: 'Error', details: 'The host could not be asked.' });
    expect(await noted()).toBe(0);
  });

  test('fails a task whose host has begun and is silent past its due time', async () => {
    await act('suspend');
    expect(await runReaper({ due: true })).toMatchObject({ tasks: 0, overdue: 1 });
    expect(await row()).toMatchObject({ vm_state: 'error', task_state: null });
    expect((await records())[0]).toMatchObject({ details: 'The host did not report the end in time.' });
    expect(await changesNothing(cloud.database('cell1'), () => report(asked[0], success, 'suspend'))).toBe(false);
  });

  test('never asks for what needs a secret that is gone', async () => {
    answer = () => Promise.reject(new Error('no route to host'));
    await act('changePassword');
    expect(await runReaper({ due: true })).toMatchObject({ tasks: 0, overdue: 1 });
    expect(asked).toHaveLength(1);
    expect((await records())[0]).toMatchObject({ message: 'Error', details: 'The host could not be asked.' });
  });

  test('leaves a task of a later version as it is', async () => {
    await act('stop');
    await query(cloud.database('cell1'), `update instances set task = task || '{"action": "levitate"}' where uuid = :server::uuid`, {
      server,
    });
    expect(await runReaper({ due: true })).toMatchObject({ tasks: 0 });
    expect(await row()).toMatchObject({ task: { action: 'levitate' } });
    expect(await noted()).toBe(1);
  });

  test('of one host that cannot be asked does not keep the others of the cell from their end', async () => {
    const second = await user.boot();
    await user.settled(second);
    answer = () => Promise.reject(new Error('no route to host'));
    await act('stop');
    const first = server;
    server = second;
    await act('stop');
    await query(
      cloud.database('cell1'),
      `update instances set task = task || jsonb_build_object('due_at', now() - interval '1 second') where task->>'due_at' is not null`,
    );
    await query(cloud.service.api, `update pending_cleanups set due_at = now()`);
    answer = async () => {
      if (asked.at(-1)?.server === first) throw new Error('no route to host');
      return success;
    };
    await expect(runReaper()).rejects.toThrow('no route to host');
    expect(await row()).toMatchObject({ vm_state: 'stopped' });
  });
});

test('a stalled build is not kept from the reaper by those who ask for something again and again', async () => {
  await query(
    cloud.service.api,
    `insert into pending_cleanups (instance_uuid, cell_id, fencing_token, created_at)
     select instance_uuid, cell_id, fencing_token, now() - interval '170 seconds' from instance_mappings where instance_uuid = :server::uuid`,
    { server },
  );
  await expect(act('unpause')).rejects.toThrow('vm_state active');
  const [{ age } = { age: 0 }] = await query<{ age: number }>(
    cloud.service.api,
    'select extract(epoch from now() - created_at)::float8 as age from pending_cleanups',
  );
  expect(age).toBeGreaterThan(169);
});
