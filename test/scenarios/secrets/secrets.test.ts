/**
 * A password and files for the inside of a guest: only its host sees them. No database, queue, log, answer or state of an execution ever holds them, and once the
 * host has begun, nor what they were sealed into.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Database, query } from '../../../database/data-api/client.ts';
import { listenToHosts, spawnsOf, tasksOf } from '../../fixtures/asked-operations.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../fixtures/cloud.ts';
import { contentsOf } from '../../fixtures/contents.ts';
import { comeToRest, reapNow, settle } from '../../fixtures/rest.ts';
import { captureOutput } from '../../lambdas/shared/observation/output.ts';

const output = captureOutput('cellzero');
let cloud: Cloud;
let user: User;
let tooLarge: string;
/** All that left the process, or would in the cloud, beside answers: logs, states of executions, and messages. */
let written: string[];

beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4, retryAfter: 1 });
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
  const { workflow, reports } = cloud.service;
  workflow.onTask((event) => void written.push(JSON.stringify(event), String(event.error)));
  const { send } = reports;
  vi.spyOn(reports, 'send').mockImplementation((body, delay) => {
    written.push(body);
    return send(body, delay);
  });
});
afterAll(async () => {
  await cloud?.stop();
  output.stop();
});
beforeEach(async () => {
  written = [];
  output.clear();
  behave({});
  user = await cloud.newUser();
});
afterEach(async () => {
  behave({});
  cloud.service.dataApi.faults.clear();
  await comeToRest(cloud.service);
  expectNone(JSON.stringify(await everything()), Object.values(marks));
  for (const text of [...written, output.text()]) expectNone(text, [...Object.values(marks), userData, note]);
  delete process.env.SIMULATION;
});

function behave(simulation: object): void {
  process.env.SIMULATION = JSON.stringify({ opensSecrets: true, ...simulation });
}

const marks = {
  password: 'the-marked-password',
  contents: Buffer.from('the-marked-contents').toString('base64'),
  path: '/the/marked/path',
};
const files = [{ path: marks.path, contents: marks.contents }];
/** What databases hold, and no state of an execution, message or log. */
const userData = Buffer.from('the-marked-user-data').toString('base64');
const note = 'the-marked-metadata';
const opened = { admin_password: marks.password, files };

function expectNone(text: string, needles: readonly string[]): void {
  for (const needle of needles) expect(text.includes(needle), `${needle} in ${text.slice(0, 200)}`).toBe(false);
}

const databases = (): Database[] => ['api', 'cell0', 'cell1'].map((name) => cloud.database(name));
const everything = () => Promise.all(databases().map(contentsOf));

/** Returns whether a text stands in any column of any database. */
async function stored(text: string): Promise<boolean> {
  return JSON.stringify(await everything()).includes(text);
}

/** Boots a server, or several, with all that only its host may see, and returns the first. */
async function boot(server: object = {}): Promise<string> {
  const image = 'c1220500-0000-4000-8000-000000000001';
  const asked = {
    name: 'n',
    imageRef: image,
    flavorRef: '1',
    networks: 'none',
    adminPass: marks.password,
    personality: files,
    user_data: userData,
    metadata: { note },
    ...server,
  };
  const { status, body } = await user.send<{ server: { id: string; adminPass: string } }>('POST', '/servers', {
    body: { server: asked },
    microversion: 56,
  });
  expect([status, body.server.adminPass]).toEqual([202, marks.password]);
  return body.server.id;
}

/** The sealed secrets that a host was asked to build a server with; they must be nowhere any more. */
async function expectWiped(spawns: readonly { secrets: { sealed: string } | null }[]): Promise<void> {
  const sealed = spawns.flatMap(({ secrets }) => secrets?.sealed ?? []);
  expect(sealed.length).toBeGreaterThan(0);
  for (const text of sealed) {
    expect(await stored(text)).toBe(false);
    expectNone([...written, output.text()].join('\n'), [text]);
  }
}

describe('a server is built with what its client sent, and it is wiped', () => {
  test('when its host has started it', async () => {
    const asked = listenToHosts();
    const id = await boot();
    expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
    const spawns = spawnsOf(asked, id);
    expect(spawns.map(({ opened }) => opened)).toEqual([opened]);
    await expectWiped(spawns);
  });

  test('when its host has begun, before it reports', async () => {
    behave({ reportAfter: 2 });
    const asked = listenToHosts();
    const id = await boot();
    await cloud.service.workflow.drain();
    expect((await user.send('GET', `/servers/${id}`)).body).toMatchObject({ server: { status: 'BUILD' } });
    expect(spawnsOf(asked, id).map(({ opened }) => opened)).toEqual([opened]);
    await expectWiped(spawnsOf(asked, id));
    await settle(cloud.service);
    expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
  });

  test('also on the host that is tried after one that failed, in one function and by the states after it', async () => {
    const asked = listenToHosts();
    // The host of one of two servers that are placed together fails, whichever that is.
    const stop = cloud.service.workflow.onTask(({ state, phase, output }) => {
      if (state !== 'ScheduleServers' || phase !== 'succeeded') return;
      behave({ failingHosts: (output as { host: string }[]).slice(0, 1).map(({ host }) => host) });
    });
    const first = await boot({ min_count: 2, max_count: 2 });
    await cloud.service.workflow.drain();
    stop();
    behave({ failingHosts: ['cell1-host3', 'cell1-host4'] });
    const ids = [await boot(), await boot(), await boot()];
    for (const id of ids) expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
    const { body } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail');
    expect(body.servers.map(({ status, fault }) => [status, fault])).toEqual(Array.from({ length: 5 }, () => ['ACTIVE', undefined]));
    expect(body.servers.map(({ id }) => id)).toContain(first);
    expect(written.some((text) => text.includes('"Reschedule"'))).toBe(true);
    const all = body.servers.flatMap(({ id }) => spawnsOf(asked, id));
    expect(all.length).toBeGreaterThan(5);
    for (const spawn of all) expect(spawn.opened).toEqual(opened);
    await expectWiped(all);
  });

  test('when the function stopped between the start and the note of it, by the next look', async () => {
    const asked = listenToHosts();
    const { faults } = cloud.service.dataApi;
    faults.add({ kind: 'before', error: 'AccessDeniedException', sql: `set vm_state = 'active'` });
    const id = await boot();
    await cloud.service.workflow.drain();
    const [spawn] = spawnsOf(asked, id);
    expect(await stored(spawn?.secrets?.sealed ?? '')).toBe(true);
    await comeToRest(cloud.service);
    expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
    expect(spawnsOf(asked, id).length).toBeGreaterThan(1);
    for (const each of spawnsOf(asked, id)) expect(each.opened).toEqual(opened);
    await expectWiped(spawnsOf(asked, id));
  });

  test('when no host could start it, and when its client deleted it while it was being built', async () => {
    behave({ failureChance: 1 });
    const asked = listenToHosts();
    const id = await boot();
    expect(await user.settled(id)).toMatchObject({ status: 'ERROR' });
    await expectWiped(spawnsOf(asked, id));
    behave({ delay: 1_000 });
    const deleted = await boot();
    await expect.poll(async () => JSON.stringify(await contentsOf(cloud.database('cell1'))).includes('"sealed"')).toBe(true);
    expect((await user.send('DELETE', `/servers/${deleted}`)).status).toBe(204);
    expect(JSON.stringify(await everything())).not.toContain('"sealed"');
  });
});

test('until then it is sealed, in the api database and in its cell, and no answer shows that', async () => {
  const admin = await cloud.newUser('admin', user.projectId);
  const { faults } = cloud.service.dataApi;
  const answers = async (id: string) => {
    const paths = [`/servers/${id}`, '/servers/detail', '/servers/detail?all_tenants=1&deleted=False', `/servers/${id}/metadata`];
    const all = await Promise.all(paths.map((path) => admin.send('GET', path)));
    all.push(await admin.send('PUT', `/servers/${id}`, { body: { server: { name: 'another' } } }));
    for (const { status } of all) expect(status).toBe(200);
    return JSON.stringify(all.map(({ body }) => body));
  };
  for (const [where, sql] of [
    ['api', 'insert into instances'],
    ['cell1', `set vm_state = 'active'`],
  ] as const) {
    const asked = listenToHosts();
    const pause = faults.add({ kind: 'slow', milliseconds: 1_500, sql });
    const id = await boot();
    await expect.poll(async () => JSON.stringify(await contentsOf(cloud.database(where))).includes('"sealed"')).toBe(true);
    expectNone(await answers(id), ['sealed', ...Object.values(marks)]);
    pause.lift();
    await cloud.service.workflow.drain();
    expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE', name: 'another' });
    await expectWiped(spawnsOf(asked, id));
  }
});

test('a server in cell0 has none', async () => {
  const id = await boot({ flavorRef: tooLarge });
  expect(await user.settled(id)).toMatchObject({ status: 'ERROR' });
  expect(JSON.stringify(await everything())).not.toContain('"sealed"');
});

test('a host that had begun and fails leaves them to no other: the server is in ERROR, not without what was sent; one that sent none goes on', async () => {
  behave({ reportAfter: 0, failingHosts: ['cell1-host1', 'cell1-host2', 'cell1-host3'] });
  const asked = listenToHosts();
  const ids = [await boot(), await boot(), await boot()];
  for (const id of ids) {
    const { status, fault } = await user.settled(id);
    const spawns = spawnsOf(asked, id);
    expect(spawns).toHaveLength(1);
    if (spawns[0]?.host === 'cell1-host4') expect(status).toBe('ACTIVE');
    else expect(fault?.message).toMatch('aborted: The host that failed had its password and files, which are not kept for another.');
  }
  const { body } = await user.send<{ server: { id: string; adminPass: string } }>('POST', '/servers', {
    body: { server: { name: 'n', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' } },
  });
  expect(await user.settled(body.server.id)).toMatchObject({ status: 'ACTIVE' });
  const [first] = spawnsOf(asked, body.server.id);
  expect(first?.opened).toEqual({ admin_password: body.server.adminPass, files: [] });
});

describe.each([
  ['changePassword', 'set_admin_password', { changePassword: { adminPass: marks.password } }, 'ACTIVE'],
  ['rescue', 'rescue', { rescue: { adminPass: marks.password } }, 'RESCUE'],
])('the password of %s', (_, operation, body, status) => {
  const act = async (id: string) => expect([200, 202]).toContain((await user.send('POST', `/servers/${id}/action`, { body })).status);

  test('is kept, sealed, until its host has done it, so what was lost is asked again', async () => {
    const id = await user.boot();
    await user.settled(id);
    const asked = listenToHosts();
    const { faults } = cloud.service.dataApi;
    const lost = faults.add({ kind: 'before', error: 'AccessDeniedException', sql: 'end_action(i.uuid, :request_id' });
    await act(id);
    lost.lift();
    expect(JSON.stringify(await everything())).toContain('"sealed"');
    expect(await reapNow(cloud.service)).toMatchObject({ tasks: 1 });
    expect(await user.settled(id)).toMatchObject({ status });
    const asks = tasksOf(asked, id);
    expect(asks.map(({ operation, task }) => [operation, task.attempt])).toEqual([
      [operation, 1],
      [operation, 2],
    ]);
    expect(asks[0]?.opened).toEqual({ admin_password: marks.password, files: [] });
    expect(asks[1]?.secrets).toEqual(asks[0]?.secrets);
    const { body: log } = await user.send<{ instanceActions: { message: unknown }[] }>('GET', `/servers/${id}/os-instance-actions`);
    expect(log.instanceActions[0]?.message).toBeNull();
    await expectWiped(asks);
  });

  test('is wiped when its host has begun', async () => {
    const id = await user.boot();
    await user.settled(id);
    behave({ reportAfter: 2 });
    const asked = listenToHosts();
    await act(id);
    const rows = await query(cloud.database('cell1'), `select task->>'due_at' as due from instances where uuid = :id::uuid`, { id });
    expect(rows).toEqual([{ due: expect.any(String) }]);
    await expectWiped(tasksOf(asked, id));
    await settle(cloud.service);
    expect(await user.settled(id)).toMatchObject({ status });
  });
});
