/** Images that are made of servers: what they inherit, how the answer names them, and that one is active in the end or gone. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { audit } from '../../../../../compute/audit/audit.ts';
import { ensureImage } from '../../../../../database/api/images.ts';
import { ensureProject } from '../../../../../database/api/projects.ts';
import { ensureUser } from '../../../../../database/api/users.ts';
import { query } from '../../../../../database/data-api/client.ts';
import { cirros } from '../../../../../image/cirros.ts';
import { type Cloud, type Json, type RequestOptions, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { comeToRest, settle } from '../../../../fixtures/rest.ts';

let cloud: Cloud;
let user: User;
let server: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 8, retryAfter: 20 });
});
afterAll(() => cloud?.stop());
beforeEach(async () => {
  user = await cloud.newUser();
  server = await user.boot();
  await user.settled(server);
});
afterEach(async () => {
  delete process.env.SIMULATION;
  await comeToRest(cloud.service);
  expect((await audit(cloud.service.api, { settled: true })).findings).toEqual([]);
});

async function act(body: unknown, options: RequestOptions = {}, who = user) {
  return who.send<{ image_id: string }>('POST', `/servers/${server}/action`, { ...options, body });
}
const snapshot = (metadata: object = {}, name = 'made') => ({ createImage: { name, metadata } });
const backup = (rotation: number, backup_type = 'daily') => ({ createBackup: { name: 'backup', backup_type, rotation } });

/** Accepts an action that makes an image, and returns the image's id. */
async function made(body: unknown, who = user): Promise<string> {
  const reply = await act(body, {}, who);
  expect([reply.status, reply.body]).toEqual([202, { image_id: expect.any(String) }]);
  return reply.body.image_id;
}

async function glance(method: string, path: string, who = user): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${cloud.service.url}/image/v2/images${path}`, { method, headers: { 'X-Auth-Token': who.token } });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}
const imageOf = async (id: string, who = user) => (await glance('GET', `/${id}`, who)).body;
const statusOf = async (id: string, who = user) => (await imageOf(id, who)).status ?? null;
const listed = async (filter: string) => ((await glance('GET', `?${filter}`)).body.images as { id: string }[]).map(({ id }) => id);
const own = () => listed('visibility=private');

const refusal = (status: number, fault: string, message: string) => ({ status, body: { [fault]: { code: status, message } } });
const answered = async (reply: ReturnType<typeof act>) => {
  const { status, body } = await reply;
  return { status, body };
};

test('an image has what its server’s image has, less what is not inherited, and what says where it is from', async () => {
  await ensureProject(cloud.service.api, { name: 'web', id: user.projectId });
  await ensureUser(cloud.service.api, { name: 'ann', id: user.userId, passwordHash: '', project: user.projectId, role: 'member' });
  const base = randomUUID();
  const properties = {
    os_distro: 'arch',
    hw_disk_bus: 'scsi',
    img_signature: 'x',
    bittorrent: 'true',
    os_glance_import_task: 'y',
    colour: 'red',
  };
  await ensureImage(cloud.service.api, { ...cirros(user.projectId), id: base, visibility: 'private', minRam: 64, properties });
  server = await user.boot({ imageRef: base });
  await user.settled(server);
  const inherited = {
    ...{ os_distro: 'arch', hw_disk_bus: 'scsi', base_image_ref: base, owner_user_name: 'ann', owner_project_name: 'web' },
    ...{ instance_uuid: server, user_id: user.userId, cellzero_simulated_content: 'none' },
  };
  const common = {
    ...{ status: 'active', visibility: 'private', owner: user.projectId, min_disk: 1, min_ram: 64, disk_format: 'qcow2' },
    ...{ container_format: 'bare', size: expect.any(Number), checksum: expect.stringMatching(/^[0-9a-f]{32}$/) },
  };
  const image = await imageOf(await made(snapshot({ colour: 'blue', kept: 'x' })));
  expect(image).toMatchObject({ ...common, ...inherited, name: 'made', image_type: 'snapshot', colour: 'blue', kept: 'x' });
  for (const key of ['img_signature', 'bittorrent', 'os_glance_import_task', 'backup_type']) expect(image).not.toHaveProperty(key);
  const kept = await made(backup(1));
  expect(await imageOf(kept)).toMatchObject({ ...common, ...inherited, image_type: 'backup', backup_type: 'daily', colour: 'red' });
  expect(await listed('image_type=snapshot')).toEqual([image.id]);
  expect(await listed(`image_type=backup&instance_uuid=${server}`)).toEqual([kept]);
});

test('an image of a server that was made from one names the first of all as its base, and fits what the server had', async () => {
  const first = await made(snapshot());
  server = await user.boot({ imageRef: first });
  expect(await user.settled(server)).toMatchObject({ status: 'ACTIVE' });
  expect(await imageOf(await made(snapshot()))).toMatchObject({ base_image_ref: cirros('').id, instance_uuid: server });
  const server20 = { name: 's', imageRef: first, flavorRef: await cloud.newFlavor({ disk: 20 }), networks: 'none' };
  const larger = (await user.send<{ server: { id: string } }>('POST', '/servers', { body: { server: server20 } })).body.server.id;
  await user.settled(larger);
  server = larger;
  const large = await made(snapshot());
  const { status, body } = await user.send<Json>('POST', '/servers', {
    body: { server: { ...server20, imageRef: large, flavorRef: '1' } },
  });
  expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining("Flavor's disk is smaller than the minimum size")]);
});

test('since 2.45 the image is named in the body, before in Location; a rotation of 0 keeps no backup', async () => {
  for (const body of [snapshot(), backup(2)]) {
    const { status, headers, body: text } = await act(body, { microversion: 44 });
    const location = headers.get('Location') ?? '';
    expect([status, text]).toEqual([202, undefined]);
    const response = await fetch(location, { headers: { 'X-Auth-Token': user.token } });
    expect([response.status, (await response.json()) as Json]).toEqual([200, expect.objectContaining({ instance_uuid: server })]);
    expect((await act(body, { microversion: 45 })).headers.get('Location')).toBeNull();
  }
  const before = await act(backup(0, 'weekly'), { microversion: 44 });
  expect([before.status, before.headers.get('Location')]).toEqual([202, null]);
  expect(await statusOf(await made(backup(0, 'weekly')))).toBeNull();
  expect(await listed('backup_type=weekly')).toEqual([]);
});

test('of backups of one type a server keeps as many as the last one says, and touches no others', async () => {
  const other = await user.boot();
  await user.settled(other);
  const { body } = await user.send<{ image_id: string }>('POST', `/servers/${other}/action`, { body: backup(1) });
  const [weekly, plain] = [await made(backup(1, 'weekly')), await made(snapshot())];
  const ids: string[] = [];
  for (let count = 0; count < 4; count++) ids.push(await made(backup(3)));
  expect((await listed(`backup_type=daily&instance_uuid=${server}`)).toSorted()).toEqual(ids.slice(1).toSorted());
  const last = await made(backup(1));
  expect((await own()).toSorted()).toEqual([body.image_id, weekly, plain, last].toSorted());
});

test('an image is queued until its host has reported, and then active; a second action waits for that', async () => {
  process.env.SIMULATION = JSON.stringify({ reportAfter: 1 });
  const image = await made(snapshot());
  expect(await imageOf(image)).toMatchObject({ status: 'queued', size: null, checksum: null, disk_format: null, image_type: 'snapshot' });
  const { body } = await user.send<{ server: Json }>('GET', `/servers/${server}`);
  expect(body.server).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': 'image_snapshot' });
  const message = `Cannot 'createBackup' instance ${server} while it is in task_state image_snapshot`;
  expect(await answered(act(backup(1)))).toEqual(refusal(409, 'conflictingRequest', message));
  const booted = await user.send<Json>('POST', '/servers', {
    body: { server: { name: 's', imageRef: image, flavorRef: '1', networks: 'none' } },
  });
  expect([booted.status, booted.body]).toEqual([400, { badRequest: { code: 400, message: `Image ${image} is not active.` } }]);
  await settle(cloud.service);
  expect([await own(), await statusOf(image)]).toEqual([[image], 'active']);
  expect(await user.settled(server)).toMatchObject({ 'OS-EXT-STS:task_state': null });
});

test('an image that is deleted while it is made stays so, and its server goes on', async () => {
  process.env.SIMULATION = JSON.stringify({ reportAfter: 1 });
  const image = await made(snapshot());
  expect((await glance('DELETE', `/${image}`)).status).toBe(204);
  await settle(cloud.service);
  expect(await own()).toEqual([]);
  expect(await user.settled(server)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
});

describe('an image is gone', () => {
  /** Hosts report in a while, or never; then the reaper looks again when that is due. */
  const hosts = (simulation: object) => {
    process.env.SIMULATION = JSON.stringify({ reportAfter: 1, ...simulation });
  };

  test.each([
    ['at once', { reportAfter: null }],
    ['later, and twice', { reportAfter: 0, doubledReports: true }],
  ])('when its host fails %s', async (_, simulation) => {
    hosts({ ...simulation, failingOperations: ['snapshot'] });
    await made(snapshot());
    await settle(cloud.service);
    expect(await own()).toEqual([]);
    expect(await user.settled(server)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
  });

  test('when its host is silent for too long', async () => {
    hosts({ silentHosts: Array.from({ length: 8 }, (_, index) => `cell1-host${index + 1}`), timeAllowed: 0 });
    expect(await statusOf(await made(snapshot()))).toBe('queued');
    await comeToRest(cloud.service);
    expect(await own()).toEqual([]);
    expect(await user.settled(server)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
  });

  test('at once when its server is deleted, and the report comes to nothing', async () => {
    hosts({});
    const image = await made(snapshot());
    expect((await user.send('DELETE', `/servers/${server}`)).status).toBe(204);
    expect(await statusOf(image)).toBeNull();
    await settle(cloud.service);
    expect(await own()).toEqual([]);
  });

  test('when an admin sets the state of its server, and nobody reports', async () => {
    hosts({ lostChance: 1 });
    const image = await made(snapshot());
    await act({ 'os-resetState': { state: 'active' } }, {}, await cloud.newUser('admin'));
    expect(await statusOf(image)).toBe('queued');
    await query(cloud.service.api, 'update pending_cleanups set due_at = now()');
    await comeToRest(cloud.service);
    expect(await own()).toEqual([]);
  });

  test('when its server refuses', async () => {
    await act({ 'os-stop': null });
    await act({ rescue: null });
    const message = `Cannot 'createImage' instance ${server} while it is in vm_state rescued`;
    expect(await answered(act(snapshot()))).toEqual(refusal(409, 'conflictingRequest', message));
    expect(await own()).toEqual([]);
  });

  test.each([
    [snapshot(), 'Snapshot is not supported for volume-backed instances.'],
    [backup(1), 'Backup is not supported for volume-backed instances.'],
  ])('when its server has a volume as its root disk: %j', async (body, message) => {
    const disk = { boot_index: 0, uuid: cirros('').id, source_type: 'image', destination_type: 'volume', volume_size: 1 };
    server = await user.boot({ imageRef: '', block_device_mapping_v2: [disk] });
    await user.settled(server);
    expect(await answered(act(body))).toEqual(refusal(400, 'badRequest', message));
    await act({ rescue: null });
    expect((await act(body)).status).toBe(409);
    expect(await own()).toEqual([]);
  });

  test('when a cell that does not answer has not accepted it', async () => {
    const down = cloud.service.dataApi.faults.add({ cluster: 'cell1', kind: 'down' });
    expect((await act(snapshot())).status).toBe(503);
    down.lift();
    expect(await own()).toHaveLength(1);
    await comeToRest(cloud.service);
    expect(await own()).toEqual([]);
  });
});

test.each([
  ['the image is active', 'api', "status = 'active'", 'queued'],
  ['its task has ended', 'cell1', 'ended as', 'active'],
])('what stops before %s is done again by the reaper', async (_, cluster, sql, left) => {
  const down = cloud.service.dataApi.faults.add({ cluster, kind: 'down', sql: (each) => each.includes(sql) });
  const image = await made(backup(1));
  expect([await statusOf(image), down.hits > 0]).toEqual([left, true]);
  const { body } = await user.send<{ server: Json }>('GET', `/servers/${server}`);
  expect(body.server).toMatchObject({ 'OS-EXT-STS:task_state': 'image_backup' });
  await comeToRest(cloud.service);
  expect([await own(), await statusOf(image)]).toEqual([[image], 'active']);
  const { body: records } = await user.send<{ instanceActions: Json[] }>('GET', `/servers/${server}/os-instance-actions`);
  expect(records.instanceActions[0]).toMatchObject({ action: 'createBackup', message: null });
});

test('metadata of an image counted until 2.38; since then it has at most 128 properties', async () => {
  const admin = await cloud.newUser('admin');
  await ensureProject(cloud.service.api, { name: user.projectId, id: user.projectId });
  await admin.send('PUT', `/os-quota-sets/${user.projectId}`, { body: { quota_set: { metadata_items: 1 } } });
  const two = { a: '1', b: '2' };
  for (const body of [snapshot(two), { createBackup: { ...backup(1).createBackup, metadata: two } }]) {
    expect(await answered(act(body, { microversion: 38 }))).toEqual(refusal(403, 'forbidden', 'Image metadata limit exceeded'));
    expect((await act(body, { microversion: 39 })).status).toBe(202);
  }
  expect((await act(snapshot({ a: '1' }), { microversion: 38 })).status).toBe(202);
  const before = await own();
  const many = Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`key ${index}`, 'v']));
  const message = 'The limit has been exceeded on the number of allowed image properties. Attempted: 133, Maximum: 128';
  expect(await answered(act(snapshot(many)))).toEqual(refusal(400, 'badRequest', message));
  expect(await own()).toEqual(before);
});

test('an admin makes images of others’ servers, which are the admin’s', async () => {
  const admin = await cloud.newUser('admin');
  const image = await made(snapshot(), admin);
  expect(await imageOf(image, admin)).toMatchObject({
    owner: admin.projectId,
    visibility: 'shared',
    instance_uuid: server,
    status: 'active',
  });
  expect((await glance('GET', `/${image}`)).status).toBe(404);
});

test('a server rescues from an image that was made of it, and goes on when the image is deleted, as those do that were made from it', async () => {
  const image = await made(snapshot());
  const child = await user.boot({ imageRef: image });
  await user.settled(child);
  expect((await act({ rescue: { rescue_image_ref: image } })).status).toBe(200);
  expect((await glance('DELETE', `/${image}`)).status).toBe(204);
  for (const [id, status] of [
    [server, 'RESCUE'],
    [child, 'ACTIVE'],
  ] as const) {
    expect((await user.send<{ server: Json }>('GET', `/servers/${id}`)).body.server).toMatchObject({ status });
  }
  server = child;
  expect((await act({ reboot: { type: 'HARD' } })).status).toBe(202);
  expect(await statusOf(await made(snapshot()))).toBe('active');
});
