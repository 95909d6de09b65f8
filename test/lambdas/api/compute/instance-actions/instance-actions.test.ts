import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';

const microsecond = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
const requestId = expect.stringMatching(/^req-[0-9a-f-]{36}$/);

let cloud: Cloud;
let user: User;
let admin: User;
let buried: string;
let action: { action: string; request_id: string };
beforeAll(async () => {
  cloud = await startCloud();
  [user, admin] = await Promise.all([cloud.newUser(), cloud.newUser('admin')]);
  buried = await user.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  await user.settled(buried);
  const { body } = await user.send<{ instanceActions: (typeof action)[] }>('GET', `/servers/${buried}/os-instance-actions`);
  action = body.instanceActions[0] ?? { action: '', request_id: '' };
});
afterAll(() => cloud?.stop());

const shown = (server: string, message: string | null) => ({
  action: 'create',
  instance_uuid: server,
  request_id: requestId,
  user_id: user.userId,
  project_id: user.projectId,
  start_time: microsecond,
  message,
});

async function events(who: User, microversion: number): Promise<unknown> {
  const path = `/servers/${buried}/os-instance-actions/${action.request_id}`;
  return (await who.send<{ instanceAction: { events?: unknown } }>('GET', path, { microversion })).body.instanceAction.events;
}

test('a server in cell0 has the one action that failed', async () => {
  const { body } = await user.send('GET', `/servers/${buried}/os-instance-actions`, { microversion: 57 });
  expect(body).toEqual({ instanceActions: [shown(buried, 'Error')] });
  const { body: later } = await user.send('GET', `/servers/${buried}/os-instance-actions`, { microversion: 58 });
  expect(later).toEqual({ instanceActions: [{ ...shown(buried, 'Error'), updated_at: microsecond }] });
});

test('its request is the one that the client saw', async () => {
  const body = { server: { name: 'n', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' } };
  const reply = await user.send<{ server: { id: string } }>('POST', '/servers', { body });
  const id = reply.body.server.id;
  await user.settled(id);
  const { body: list } = await user.send('GET', `/servers/${id}/os-instance-actions`);
  expect(list).toEqual({
    instanceActions: [{ ...shown(id, null), request_id: reply.headers.get('x-openstack-request-id'), updated_at: microsecond }],
  });
});

test('its event shows its owner since 2.51 that it failed, and an admin always why', async () => {
  const event = {
    event: 'conductor_schedule_and_build_instances',
    start_time: microsecond,
    finish_time: microsecond,
    result: 'Error',
  };
  const hostId = expect.stringMatching(/^[0-9a-f]{56}$/);
  const details = expect.stringMatching(/^No valid host was found\. \n/);
  expect(await events(user, 50)).toBeUndefined();
  expect(await events(user, 51)).toEqual([event]);
  expect(await events(user, 62)).toEqual([{ ...event, hostId }]);
  expect(await events(user, 84)).toEqual([{ ...event, hostId }]);
  expect(await events(admin, 1)).toEqual([{ ...event, traceback: null }]);
  expect(await events(admin, 62)).toEqual([{ ...event, traceback: null, hostId, host: expect.any(String) }]);
  expect(await events(admin, 84)).toEqual([{ ...event, traceback: null, hostId, host: expect.any(String), details }]);
});

test('a server that is being built has no actions yet', async () => {
  const slow = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 300, sql: 'inventories' });
  const id = await user.boot();
  expect((await user.send('GET', `/servers/${id}/os-instance-actions`)).body).toEqual({ instanceActions: [] });
  slow.lift();
  await user.settled(id);
});

test('pages go from the newest to the oldest', async () => {
  const id = await user.boot();
  await user.settled(id);
  await user.send('DELETE', `/servers/${id}`);
  const page = async (search: string) => {
    const path = `/servers/${id}/os-instance-actions?${search}`;
    const { body } = await user.send<{ instanceActions: (typeof action & { updated_at: string })[]; links?: { href: string }[] }>(
      'GET',
      path,
    );
    return { actions: body.instanceActions, next: body.links?.[0]?.href };
  };
  const first = await page('limit=1');
  expect(first.actions.map(({ action }) => action)).toEqual(['delete']);
  const marker = first.actions[0]?.request_id;
  expect(first.next).toBe(`${cloud.service.url}/v2.1/servers/${id}/os-instance-actions?limit=1&marker=${marker}`);
  expect((await page(`marker=${marker}`)).actions.map(({ action }) => action)).toEqual(['create']);
  expect((await page('limit=0')).actions).toEqual([]);
  expect((await page('changes-since=2020-01-01')).actions).toHaveLength(2);
  expect((await page('changes-before=2020-01-01')).actions).toEqual([]);
  const [, created] = (await page('')).actions;
  expect((await page(`changes-before=${created?.updated_at}`)).actions).toEqual([created]);
  expect((await page(`changes-since=${first.actions[0]?.updated_at}`)).actions).toEqual(first.actions);
});

test.each([
  ['limit=-1', "Invalid input for query parameters limit. Value: -1. '-1' does not match '^[0-9]*$'", 58],
  ['nonsense=1', "Additional properties are not allowed ('nonsense' was unexpected)", 58],
  ['changes-before=2026-01-01', "Additional properties are not allowed ('changes-before' was unexpected)", 65],
  ['marker=req-unknown', 'Marker req-unknown could not be found.', 100],
  ['changes-since=2026-01-02&changes-before=2026-01-01', 'The value of changes-since must be less than or equal to changes-before.', 100],
])('a query is refused: %s', async (search, message, microversion) => {
  const { status, body } = await user.send('GET', `/servers/${buried}/os-instance-actions?${search}`, { microversion });
  expect([status, body]).toEqual([400, { badRequest: { code: 400, message } }]);
});

test('what is not there is not found', async () => {
  const stranger = await cloud.newUser();
  const missing = (message: string) => ({ status: 404, body: { itemNotFound: { code: 404, message } } });
  const path = `/servers/${buried}/os-instance-actions`;
  expect(await user.send('GET', `${path}/req-unknown`)).toMatchObject(missing('Action req-unknown not found'));
  expect(await stranger.send('GET', path)).toMatchObject(missing(`Instance ${buried} could not be found.`));
  expect(await stranger.send('GET', `${path}/${action.request_id}`)).toMatchObject(missing(`Instance ${buried} could not be found.`));
});

test('what an action says may be longer than a row of the Data API', async () => {
  const id = await user.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  await user.settled(id);
  const sql = `update instance_actions_events set details = repeat('x', 100000)
    where action_id in (select id from instance_actions where instance_uuid = :id::uuid)`;
  await query(cloud.database('cell0'), sql, { id });
  const { body } = await user.send<{ instanceActions: { request_id: string }[] }>('GET', `/servers/${id}/os-instance-actions`);
  const { status } = await admin.send('GET', `/servers/${id}/os-instance-actions/${body.instanceActions[0]?.request_id}`);
  expect(status).toBe(200);
});

test('several actions and events stand from the newest to the oldest, also those that nobody asked for and those that go on', async () => {
  const id = await user.boot();
  const { 'OS-EXT-SRV-ATTR:host': host } = await admin.settled(id);
  const cell = cloud.database(String(host).split('-', 1)[0] ?? '');
  await query(
    cell,
    `with noted as (
       insert into instance_actions (instance_uuid, action, request_id, user_id, project_id, start_time, created_at, updated_at, message)
       values (:id::uuid, 'reboot', 'req-reboot', :user, :project, '2030-01-01Z', '2030-01-01Z', '2030-01-01T00:00:03Z', 'Error'),
         (:id::uuid, 'stop', 'req-sync', null, null, '2030-01-02Z', '2030-01-02Z', '2030-01-02Z', null)
       returning id, request_id)
     insert into instance_actions_events (action_id, event, start_time, finish_time, created_at, result, traceback, host, details)
     select noted.id, event, start_time::timestamptz, finish_time::timestamptz, start_time::timestamptz, result, traceback, host, details
     from noted join (values
       ('req-reboot', 'api_reboot', '2030-01-01T00:00:01Z', '2030-01-01T00:00:01.5Z', 'Success', null, null, null),
       ('req-reboot', 'compute_reboot_instance', '2030-01-01T00:00:02Z', '2030-01-01T00:00:03Z', 'Error', 'a trace', 'a-host', 'it failed'),
       ('req-sync', 'compute_stop_instance', '2030-01-02Z', null, null, null, 'a-host', null)
     ) e (request_id, event, start_time, finish_time, result, traceback, host, details) using (request_id)`,
    { id, user: user.userId, project: user.projectId },
  );
  const path = `/servers/${id}/os-instance-actions`;
  const { body } = await user.send<{ instanceActions: Record<string, unknown>[] }>('GET', path);
  expect(body.instanceActions.map(({ action, message, user_id }) => [action, message, user_id])).toEqual([
    ['stop', null, null],
    ['reboot', 'Error', user.userId],
    ['create', null, user.userId],
  ]);
  const eventsOf = async (who: User, request: string) =>
    (await who.send<{ instanceAction: { events: object[] } }>('GET', `${path}/${request}`)).body.instanceAction.events;
  const hostId = createHash('sha224').update(`${user.projectId}a-host`).digest('hex');
  const reboot = {
    ...{ event: 'compute_reboot_instance', start_time: '2030-01-01T00:00:02.000000', finish_time: '2030-01-01T00:00:03.000000' },
    ...{ result: 'Error', hostId },
  };
  const api = {
    ...{ event: 'api_reboot', start_time: '2030-01-01T00:00:01.000000', finish_time: '2030-01-01T00:00:01.500000' },
    ...{ result: 'Success', hostId: '' },
  };
  expect(await eventsOf(user, 'req-reboot')).toEqual([reboot, api]);
  expect(await eventsOf(admin, 'req-reboot')).toEqual([
    { ...reboot, traceback: 'a trace', host: 'a-host', details: 'it failed' },
    { ...api, traceback: null, host: null, details: null },
  ]);
  const going = { event: 'compute_stop_instance', start_time: '2030-01-02T00:00:00.000000', finish_time: null, result: null, hostId };
  expect(await eventsOf(user, 'req-sync')).toEqual([going]);
});

test('an action is its caller’s and his project’s, also on a server of another project', async () => {
  const id = await user.boot();
  await user.settled(id);
  await admin.send('DELETE', `/servers/${id}`);
  const { body } = await user.send<{ instanceActions: object[] }>('GET', `/servers/${id}/os-instance-actions`);
  expect(body.instanceActions[0]).toMatchObject({ action: 'delete', user_id: admin.userId, project_id: admin.projectId });
});
