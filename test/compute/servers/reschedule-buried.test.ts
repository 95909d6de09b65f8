/** A second chance for buried servers: who is sent, what of a server is kept, where it stands meanwhile, and what becomes of it. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { type Choice, rescheduleBuried } from '../../../compute/servers/reschedule-buried.ts';
import { findInstances } from '../../../database/cell/instances/find.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../fixtures/cloud.ts';
import { comeToRest, reapNow, settle } from '../../fixtures/rest.ts';
import { standingOf } from '../../fixtures/standing.ts';

let cloud: Cloud;
let admin: User;
let user: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1, retryAfter: 2 });
  admin = await cloud.newUser('admin');
});
afterEach(async () => {
  await comeToRest(cloud.service);
  expect((await audit(cloud.service.api, { settled: true })).findings).toEqual([]);
});
afterAll(() => cloud?.stop());

const image = 'c1220500-0000-4000-8000-000000000001';
const any: Choice = { servers: null, project: null, cause: null };
const send = (choice: Partial<Choice>, dryRun = false) =>
  rescheduleBuried(cloud.service.api, { ...any, ...choice }, { dryRun, before: async () => {}, progress: () => {} });
const outcomes = async (servers: string[]) => (await send({ servers })).map(({ outcome }) => outcome);

/** Sets how much of a resource is free on the host. */
const free = (resource: 'DISK_GB' | 'MEMORY_MB', amount: number) =>
  query(
    cloud.service.api,
    'update inventories set total = reserved + ceil((used + :amount::int) / allocation_ratio) where resource_class = :resource',
    { resource, amount },
  );
const full = () => free('DISK_GB', 0);
const empty = () => free('DISK_GB', 500);

/** Buries a server of a new user. */
async function buried(server: Record<string, unknown> = {}): Promise<string> {
  user = await cloud.newUser();
  await full();
  const id = await user.boot(server);
  expect((await user.settled(id)).status).toBe('ERROR');
  return id;
}

const look = (id: string) =>
  standingOf(cloud, { id, execution: '', requestId: '', caller: { ...user, userName: '', projectName: '', roles: [] } });

/** Takes on what was sent. */
async function boot(): Promise<void> {
  await reapNow(cloud.service);
  await settle(cloud.service);
}

interface ShownAction {
  action: string;
  request_id: string;
  message: string | null;
  events: { event: string; result: string; details?: string; start_time: string; finish_time: string | null }[];
}

async function createAction(id: string): Promise<ShownAction> {
  const { body } = await admin.send<{ instanceActions: { request_id: string; action: string }[] }>(
    'GET',
    `/servers/${id}/os-instance-actions`,
  );
  const create = body.instanceActions.find(({ action }) => action === 'create');
  const path = `/servers/${id}/os-instance-actions/${create?.request_id}`;
  return (await admin.send<{ instanceAction: ShownAction }>('GET', path)).body.instanceAction;
}

const shown = async (id: string) => (await user.send<{ server: ServerBody }>('GET', `/servers/${id}`)).body.server;

test('when there is capacity it is ACTIVE with all that it was, and the first failure is in its history', async () => {
  user = await cloud.newUser();
  await user.send('POST', '/os-keypairs', {
    body: { keypair: { name: 'mine', public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFJcrRuwqBfxIL7CGWZh4DBwiEc2fEdwDrrJ8rzzNRVG me' } },
  });
  await full();
  const server = {
    ...{ name: 'web', imageRef: image, flavorRef: '1', networks: 'none', metadata: { role: 'web' }, tags: ['blue'], hostname: 'web-host' },
    ...{
      user_data: 'aGVsbG8=',
      description: 'the web',
      security_groups: [{ name: 'default' }],
      accessIPv4: '192.0.2.7',
      config_drive: true,
    },
    key_name: 'mine',
  };
  const booted = await user.send<{ server: { id: string } }>('POST', '/servers', {
    body: { server, 'os:scheduler_hints': { query: 'x' } },
  });
  const { id } = booted.body.server;
  await user.settled(id);
  const before = await shown(id);
  expect(before.status).toBe('ERROR');
  const cell0Row = (await findInstances(cloud.database('cell0'), [id])).get(id);
  const first = await createAction(id);
  expect(first.events).toHaveLength(1);
  await empty();

  expect(await send({ servers: [id] })).toEqual([{ server: id, name: 'web', project: user.projectId, cause: 'DISK_GB', outcome: 'sent' }]);
  expect(await look(id)).toMatchObject({
    ...{ shown: 'BUILD', listed: 1, used: 1, allocated: null, cleanups: [] },
    ...{ request: { target: null, token: 2 }, mapping: { cell: null }, rows: { cell0: { state: 'error', token: 1 } } },
  });
  expect((await audit(cloud.service.api)).findings, 'of a server that has a build request, and a row in cell0').toEqual([]);
  const waiting = await shown(id);
  expect(waiting).not.toHaveProperty('fault');
  await boot();

  const after = await shown(id);
  expect(after.status).toBe('ACTIVE');
  const same = ({ status, fault, updated, ...rest }: ServerBody) =>
    Object.fromEntries(
      Object.entries(rest).filter(
        ([key]) =>
          !/host|instance_name|vm_state|power_state|task_state|launched_at|progress|availability_zone|locked|addresses|hostId/.test(key) ||
          key === 'OS-EXT-SRV-ATTR:hostname',
      ),
    );
  expect(same(after)).toEqual(same(before));
  const row = (await findInstances(cloud.database('cell1'), [id])).get(id);
  for (const part of [
    'flavor',
    'metadata',
    'tags',
    'security_groups',
    'trusted_certs',
    'key_data',
    'user_data',
    'reservation_id',
    'launch_index',
    'created_at',
  ] as const) {
    expect(row?.[part], part).toEqual(cell0Row?.[part]);
  }
  expect(row?.block_device_mappings.map(({ uuid }) => uuid)).toEqual(cell0Row?.block_device_mappings.map(({ uuid }) => uuid));
  const { first_cause, ...system_metadata } = cell0Row?.system_metadata ?? {};
  expect(first_cause).toBe('DISK_GB');
  expect(row?.system_metadata).toEqual(system_metadata);
  const action = await createAction(id);
  expect({ ...action, message: null, events: [] }).toEqual({ ...first, message: null, updated_at: expect.any(String), events: [] });
  expect(action.message).toBeNull();
  expect(action.events).toMatchObject([
    { event: 'compute__do_build_and_run_instance', result: 'Success', finish_time: expect.any(String) },
    first.events[0] ?? {},
  ]);
  expect(await look(id)).toMatchObject({
    shown: 'ACTIVE',
    listed: 1,
    used: 1,
    allocated: 'here',
    request: null,
    cleanups: ['cell0', 'here'],
  });
  await comeToRest(cloud.service);
  expect(await look(id)).toMatchObject({ shown: 'ACTIVE', used: 1, rows: { here: { state: 'active' } }, cleanups: [] });
  expect(Object.keys((await look(id)).rows)).toEqual(['here']);
});

test('where there is still none its row takes the next reason, and keeps those before', async () => {
  const id = await buried({ name: 'once' });
  const first = await createAction(id);
  expect(await outcomes([id])).toEqual(['sent']);
  expect((await user.send('PUT', `/servers/${id}`, { body: { server: { name: 'twice' } } })).status).toBe(200);
  await empty();
  await free('MEMORY_MB', 0);
  await boot();
  expect(await shown(id)).toMatchObject({ status: 'ERROR', name: 'twice' });
  expect(await look(id)).toMatchObject({
    used: 1,
    listed: 1,
    request: null,
    mapping: { cell: 'cell0' },
    rows: { cell0: { state: 'error' } },
  });
  expect((await createAction(id)).events).toMatchObject([
    { details: expect.stringContaining('First cause: MEMORY_MB.') },
    first.events[0] ?? {},
  ]);
  const faults = await query<{ details: string }>(
    cloud.database('cell0'),
    'select details from instance_faults where instance_uuid = :id::uuid order by id',
    { id },
  );
  expect(faults.map(({ details }) => /First cause: (\w+)/.exec(details)?.[1])).toEqual(['DISK_GB', 'MEMORY_MB']);
  expect(await send({ servers: [id] }, true)).toMatchObject([{ cause: 'MEMORY_MB', outcome: 'buried' }]);

  await free('MEMORY_MB', 65_536);
  expect(await outcomes([id])).toEqual(['sent']);
  await boot();
  expect((await createAction(id)).events).toHaveLength(3);
  expect(await shown(id)).toMatchObject({ status: 'ACTIVE', name: 'twice' });
});

test('it is chosen by the index, whatever state an admin has set in cell0, and by cause, project and id', async () => {
  const id = await buried();
  expect((await admin.send('POST', `/servers/${id}/action`, { body: { 'os-resetState': { state: 'active' } } })).status).toBe(202);
  expect(await shown(id)).toMatchObject({ status: 'ACTIVE' });
  const { projectId } = user;
  const row = { server: id, name: 'server', project: projectId, cause: 'DISK_GB' };
  expect(await send({ project: projectId, cause: 'VCPU' }, true)).toEqual([]);
  expect(await send({ project: 'another' }, true)).toEqual([]);
  expect(await send({ project: projectId, cause: 'DISK_GB' }, true)).toEqual([{ ...row, outcome: 'buried' }]);
  expect(await look(id)).toMatchObject({ mapping: { cell: 'cell0', token: 1 }, request: null });
  expect(await send({ project: projectId })).toEqual([{ ...row, outcome: 'sent' }]);
  expect(await look(id)).toMatchObject({ shown: 'BUILD', listed: 1 });
  expect(await outcomes([id])).toEqual(['waiting']);
  await boot();
  expect(await shown(id), 'buried again').toMatchObject({ status: 'ERROR', fault: { code: 500 } });
});

test("what is not in cell0, or not there, is named and left alone; what was refused in cell0 stands in nobody's way", async () => {
  const id = await buried();
  const nobody = '11111111-0000-4000-8000-000000000001';
  await empty();
  const living = await user.boot();
  await user.settled(living);
  const deleted = await user.boot();
  await user.settled(deleted);
  await user.send('DELETE', `/servers/${deleted}`);
  for (const body of [{ 'os-stop': null }, { createImage: { name: 'of-nothing' } }]) {
    expect((await user.send('POST', `/servers/${id}/action`, { body })).status).toBe(409);
  }
  expect(await look(id)).toMatchObject({ cleanups: ['cell0'] });
  const all = await send({ servers: [nobody, id, living, deleted] });
  expect(new Map(all.map(({ server, outcome }) => [server, outcome]))).toEqual(
    new Map([
      [nobody, 'not found'],
      [id, 'sent'],
      [living, 'elsewhere'],
      [deleted, 'deleted'],
    ]),
  );
  expect(await look(id)).toMatchObject({ shown: 'BUILD', mapping: { cell: null }, cleanups: [] });
  expect((await audit(cloud.service.api)).findings).toEqual([]);
});

test('a zone or an image that is gone since is the new reason; a flavor, a key and a group are not looked up again', async () => {
  const flavor = await cloud.newFlavor({});
  user = await cloud.newUser();
  const made = await user.send<{ server_group: { id: string } }>('POST', '/os-server-groups', {
    body: { server_group: { name: 'g', policy: 'anti-affinity' } },
  });
  const group = made.body.server_group.id;
  await user.send('POST', '/os-keypairs', {
    body: { keypair: { name: 'k', public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFJcrRuwqBfxIL7CGWZh4DBwiEc2fEdwDrrJ8rzzNRVG me' } },
  });
  await full();
  const server = { name: 'kept', imageRef: image, flavorRef: flavor, networks: 'none', key_name: 'k' };
  const { id } = (await user.send<{ server: { id: string } }>('POST', '/servers', { body: { server, 'os:scheduler_hints': { group } } }))
    .body.server;
  await user.settled(id);
  await empty();
  await admin.send('DELETE', `/flavors/${flavor}`);
  await user.send('DELETE', '/os-keypairs/k');
  await user.send('DELETE', `/os-server-groups/${group}`);
  await query(cloud.service.api, `update images set status = 'deleted' where id = :image::uuid`, { image });
  expect(await outcomes([id])).toEqual(['sent']);
  await boot();
  await query(cloud.service.api, `update images set status = 'active' where id = :image::uuid`, { image });
  expect((await shown(id)).fault).toMatchObject({ message: `Image ${image} could not be found.` });
  expect(await send({ servers: [id] }, true)).toMatchObject([{ cause: 'ImageNotFound' }]);
  await query(
    cloud.service.api,
    `update request_specs set spec = spec || '{"availability_zone": "gone"}' where instance_uuid = :id::uuid`,
    { id },
  );
  expect(await outcomes([id])).toEqual(['sent']);
  await boot();
  expect(await send({ servers: [id] }, true)).toMatchObject([{ cause: 'AvailabilityZone' }]);
  await query(cloud.service.api, `update request_specs set spec = spec || '{"availability_zone": null}' where instance_uuid = :id::uuid`, {
    id,
  });
  expect(await outcomes([id])).toEqual(['sent']);
  await boot();
  expect(await shown(id)).toMatchObject({ status: 'ACTIVE', key_name: 'k' });
});

test('a lock goes with it, and stands against its delete', async () => {
  const id = await buried();
  expect((await user.send('POST', `/servers/${id}/action`, { body: { lock: { locked_reason: 'mine' } } })).status).toBe(202);
  expect(await outcomes([id])).toEqual(['sent']);
  expect(await shown(id)).toMatchObject({ status: 'BUILD', locked: true, locked_reason: 'mine' });
  expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(409);
  await empty();
  await boot();
  expect(await shown(id)).toMatchObject({ status: 'ACTIVE', locked: true, locked_reason: 'mine' });
  const { body } = await user.send<{ instanceActions: { action: string }[] }>('GET', `/servers/${id}/os-instance-actions`);
  expect(body.instanceActions.map(({ action }) => action)).toEqual(['lock', 'create']);
  expect((await user.send('POST', `/servers/${id}/action`, { body: { unlock: null } })).status).toBe(202);
});

test('deleted while it waits, it is gone with its row in cell0', async () => {
  const id = await buried();
  await outcomes([id]);
  expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
  expect(await look(id)).toMatchObject({ shown: 404, listed: 0, used: 0, request: null, cleanups: ['cell0'] });
  await comeToRest(cloud.service);
  expect(await look(id)).toMatchObject({ rows: {}, cleanups: [] });
});

test('a burial that stopped before its commit has left one fault, and the next one takes the row over', async () => {
  const id = await buried();
  await outcomes([id]);
  cloud.service.dataApi.faults.add({ kind: 'down', sql: 'delete from build_requests b using' });
  await boot();
  expect(await look(id)).toMatchObject({ shown: 'BUILD', request: { target: 'cell0' } });
  await comeToRest(cloud.service);
  expect(await look(id)).toMatchObject({ shown: 'ERROR', request: null });
  expect((await createAction(id)).events).toHaveLength(2);
  const rows = await query(cloud.database('cell0'), 'select 1 from instance_faults where instance_uuid = :id::uuid', { id });
  expect(rows).toHaveLength(2);
});

test('a row that was purged while its server waited is written anew, with its history', async () => {
  const id = await buried();
  const first = await createAction(id);
  await outcomes([id]);
  await query(
    cloud.service.api,
    `insert into pending_cleanups (instance_uuid, cell_id, fencing_token) select :id::uuid, id, 1 from cell_mappings where name = 'cell0'`,
    { id },
  );
  await reapNow(cloud.service);
  await settle(cloud.service);
  await comeToRest(cloud.service);
  expect(await look(id)).toMatchObject({ shown: 'ERROR', listed: 1, request: null, mapping: { cell: 'cell0' } });
  expect((await createAction(id)).events.at(-1)).toMatchObject(first.events[0] ?? {});
});

test('two of a request are sent each for itself: one that fits is not kept by the other', async () => {
  user = await cloud.newUser();
  await full();
  await user.boot({ min_count: 2, max_count: 2 });
  const { body } = await user.send<{ servers: { id: string }[] }>('GET', '/servers');
  const ids = body.servers.map(({ id }) => id);
  for (const id of ids) await user.settled(id);
  await free('DISK_GB', 1);
  expect(await outcomes(ids)).toEqual(['sent', 'sent']);
  await boot();
  await boot();
  const statuses = await Promise.all(ids.map(async (id) => (await shown(id)).status));
  expect(statuses.toSorted()).toEqual(['ACTIVE', 'ERROR']);
});
