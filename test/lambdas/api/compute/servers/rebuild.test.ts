/** A rebuild on hosts that do at once what they are asked: what of the server it changes at each microversion, what it refuses and in which order, and what it leaves. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type Json, type RequestOptions, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { contentsOf } from '../../../../fixtures/contents.ts';
import { comeToRest } from '../../../../fixtures/rest.ts';

const cirros = 'c1220500-0000-4000-8000-000000000001';

let cloud: Cloud;
let member: User;
let admin: User;
/** Booted once; each test finds it ACTIVE. */
let booted: string;
/** The server that a test is about. */
let server: string;
/** Another image than the one that servers are booted from. */
let other: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 2 });
  admin = await cloud.newUser('admin');
  other = await cloud.newImage({ properties: { os_distro: 'other' } });
  member = await cloud.newUser();
  booted = await member.boot();
  await member.settled(booted);
});
afterAll(() => cloud?.stop());
beforeEach(async () => {
  server = booted;
  await query(
    cloud.database('cell1'),
    `update instances set vm_state = 'active', power_state = 1, locked = false, locked_by = null where uuid = :server::uuid`,
    { server },
  );
});

async function rebuild(body: object, { user = member, ...options }: RequestOptions & { user?: User } = {}) {
  const reply = await user.send<Json>('POST', `/servers/${server}/action`, {
    ...options,
    body: { rebuild: { imageRef: cirros, ...body } },
  });
  return { status: reply.status, location: reply.headers.get('location'), body: reply.body, server: reply.body?.server as ServerBody };
}

const show = async () => (await admin.send<{ server: ServerBody }>('GET', `/servers/${server}`)).body.server;

async function specOf(id: string) {
  const [row] = await query<{ spec: { image: { id: string; properties: object } } }>(
    cloud.service.api,
    'select spec from request_specs where instance_uuid = :id::uuid',
    { id },
  );
  return row?.spec;
}

describe('changes', () => {
  test('the image of a server, with what is kept of it, at two calls before its end and two for it', async () => {
    const before = await show();
    const mark = cloud.service.dataApi.calls.mark();
    const answer = await rebuild({ imageRef: other });
    expect(cloud.service.dataApi.calls.since(mark)).toHaveLength(4);
    expect(answer).toMatchObject({
      status: 202,
      location: `${cloud.service.url}/v2.1/servers/${server}`,
      server: { id: server, status: 'REBUILD', 'OS-EXT-STS:task_state': 'rebuilding', progress: 0, image: { id: other } },
    });
    expect(answer.server.adminPass).toMatch(/^.{12}$/);
    const after = await show();
    expect(after).toMatchObject({ status: 'ACTIVE', image: { id: other, properties: {} }, 'OS-EXT-STS:task_state': null });
    expect(after['OS-EXT-SRV-ATTR:host']).toBe(before['OS-EXT-SRV-ATTR:host']);
    expect(Date.parse(String(after['OS-SRV-USG:launched_at']))).toBeGreaterThan(Date.parse(String(before['OS-SRV-USG:launched_at'])));
    expect((await specOf(server))?.image).toEqual({ id: other, properties: { os_distro: 'other' } });
    const kept = await query<{ key: string; value: string }>(
      cloud.database('cell1'),
      `select key, value from instance_system_metadata where instance_uuid = :server::uuid and deleted = 0 order by key`,
      { server },
    );
    expect(Object.fromEntries(kept.map(({ key, value }) => [key, value]))).toEqual({
      ...{ image_base_image_ref: other, image_container_format: 'bare', image_disk_format: 'raw', image_min_disk: '1', image_min_ram: '0' },
      ...{ image_os_distro: 'other', owner_project_name: expect.any(String), owner_user_name: expect.any(String) },
    });
  });

  test('nothing that is not named', async () => {
    const id = await member.boot({
      metadata: { a: 'b' },
      user_data: 'YQ==',
      description: 'text',
      hostname: 'named',
      accessIPv4: '1.2.3.4',
    });
    await member.settled(id);
    server = id;
    const before = await show();
    expect((await rebuild({})).status).toBe(202);
    expect(await show()).toEqual({ ...before, updated: expect.anything(), 'OS-SRV-USG:launched_at': expect.anything() });
  });

  test('whatever is named, and shows it in its answer', async () => {
    const key = await member.send('POST', '/os-keypairs', { body: { keypair: { name: 'mine', public_key: publicKey } } });
    expect(key.status).toBe(201);
    const named = {
      ...{ name: 'renamed', description: 'another', hostname: 'host.example', key_name: 'mine', user_data: 'YmI=' },
      ...{ metadata: { new: 'one' }, accessIPv4: '5.6.7.8', accessIPv6: 'fe80:0::1', 'OS-DCF:diskConfig': 'AUTO' },
      ...{ trusted_image_certificates: ['certificate'], adminPass: 'mine', preserve_ephemeral: 'true' },
    };
    const answer = await rebuild(named);
    const changed = {
      ...{ name: 'renamed', description: 'another', key_name: 'mine', metadata: { new: 'one' } },
      ...{ accessIPv4: '5.6.7.8', accessIPv6: 'fe80::1', 'OS-DCF:diskConfig': 'AUTO', trusted_image_certificates: ['certificate'] },
    };
    expect(answer.server).toMatchObject({ ...changed, user_data: 'YmI=', adminPass: 'mine' });
    const attributes = { 'OS-EXT-SRV-ATTR:user_data': 'YmI=', 'OS-EXT-SRV-ATTR:hostname': 'host.example' };
    expect(await show()).toMatchObject({ ...changed, ...attributes, status: 'ACTIVE' });

    expect((await rebuild({ key_name: null, user_data: null, trusted_image_certificates: null, metadata: {} })).status).toBe(202);
    const without = { key_name: null, 'OS-EXT-SRV-ATTR:user_data': null, trusted_image_certificates: null, metadata: {} };
    expect(await show()).toMatchObject({ ...without, name: 'renamed', 'OS-DCF:diskConfig': 'MANUAL' });
  });

  test('a stopped server, which is stopped again, and one in ERROR, which is ACTIVE', async () => {
    await member.send('POST', `/servers/${server}/action`, { body: { 'os-stop': null } });
    expect((await rebuild({ imageRef: other })).server.status).toBe('REBUILD');
    expect(await show()).toMatchObject({ status: 'SHUTOFF', 'OS-EXT-STS:power_state': 4, image: { id: other } });
    await admin.send('POST', `/servers/${server}/action`, { body: { 'os-resetState': { state: 'error' } } });
    await rebuild({});
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:power_state': 1, image: { id: cirros } });
  });
});

const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID+2Xa66O2MvvRhVh5BBtqfFz3h+6rgSKNo7MTzuvt56';

/** Keys of the answer, and those that came with later microversions (Nova's rebuild_response schemas). */
const firstKeys =
  'id name status tenant_id user_id metadata hostId image flavor created updated addresses accessIPv4 accessIPv6 links progress OS-DCF:diskConfig adminPass';
const laterKeys: readonly (readonly [number, string])[] = [
  [9, 'locked'],
  [19, 'description'],
  [26, 'tags'],
  [54, 'key_name'],
  [57, 'user_data'],
  [63, 'trusted_image_certificates'],
  [71, 'server_groups'],
  [73, 'locked_reason'],
  [
    75,
    'config_drive OS-EXT-AZ:availability_zone OS-EXT-STS:power_state OS-EXT-STS:task_state OS-EXT-STS:vm_state os-extended-volumes:volumes_attached OS-SRV-USG:launched_at OS-SRV-USG:terminated_at',
  ],
  [90, 'OS-EXT-SRV-ATTR:hostname'],
  [96, 'pinned_availability_zone'],
  [100, 'scheduler_hints'],
];
const ofAdmins =
  'host_status OS-EXT-SRV-ATTR:host OS-EXT-SRV-ATTR:hostname OS-EXT-SRV-ATTR:hypervisor_hostname OS-EXT-SRV-ATTR:instance_name OS-EXT-SRV-ATTR:kernel_id OS-EXT-SRV-ATTR:launch_index OS-EXT-SRV-ATTR:ramdisk_id OS-EXT-SRV-ATTR:reservation_id OS-EXT-SRV-ATTR:root_device_name';

test('its answer has the keys that it has in Nova at each microversion, for a member and for an admin', async () => {
  const keys = async (user: User, microversion: number) => Object.keys((await rebuild({}, { user, microversion })).server).toSorted();
  for (const microversion of [1, 8, 100, ...laterKeys.map(([since]) => since), ...laterKeys.map(([since]) => since - 1)]) {
    const expected = [firstKeys, ...laterKeys.flatMap(([since, names]) => (microversion >= since ? names : []))].flatMap((names) =>
      names.split(' '),
    );
    expect(await keys(member, microversion), `2.${microversion}`).toEqual(expected.toSorted());
    const admins = microversion >= 75 ? ofAdmins.split(' ') : [];
    expect(await keys(admin, microversion), `2.${microversion}`).toEqual([...new Set([...expected, ...admins])].toSorted());
  }
});

describe('a body', () => {
  test.each([
    [18, 'description', 'text'],
    [53, 'key_name', null],
    [56, 'user_data', 'YQ=='],
    [57, 'personality', []],
    [62, 'trusted_image_certificates', null],
    [89, 'hostname', 'host'],
  ])('of 2.%i has no %s', async (microversion, key, value) => {
    const { status, body } = await rebuild({ [key]: value }, { microversion });
    expect([status, body]).toEqual([400, { badRequest: { code: 400, message: expect.stringContaining(`('${key}' was unexpected)`) } }]);
  });

  test.each([
    [100, { imageRef: undefined }, /'imageRef' is a required property/],
    [100, { imageRef: 'http://host/images/1' }, /is not a 'uuid'/],
    [100, { imageRef: null }, /is not of type 'string'/],
    [100, { name: '' }, /is too short/],
    [100, { name: ' x' }, /An invalid 'name' value was provided/],
    [100, { adminPass: 1 }, /is not of type 'string'/],
    [100, { metadata: { key: 1 } }, /is not of type 'string'/],
    [100, { preserve_ephemeral: 'perhaps' }, /is not one of/],
    [100, { 'OS-DCF:diskConfig': 'auto' }, /is not one of/],
    [100, { accessIPv4: '1.2.3' }, /accessIPv4/],
    [100, { accessIPv6: '::g' }, /accessIPv6/],
    [100, { user_data: 'a' }, /base64/],
    [100, { user_data: 'YQ=='.repeat(20_000) }, /is too long/],
    [100, { trusted_image_certificates: [] }, /trusted_image_certificates/],
    [100, { trusted_image_certificates: ['a', 'a'] }, /trusted_image_certificates/],
    [100, { trusted_image_certificates: [''] }, /trusted_image_certificates|is too short/],
    [100, { trusted_image_certificates: Array.from({ length: 51 }, (_, id) => `${id}`) }, /is too long/],
    [100, { description: 'x'.repeat(256) }, /is too long/],
    [100, { description: 'a\u0001b' }, /description/],
    [100, { key_name: '' }, /is too short/],
    [100, { key_name: 1 }, /is not of type 'string'/],
    [100, { name: ' ' }, /An invalid 'name' value was provided/],
    [100, { metadata: { '': 'x' } }, /does not match any of the regexes/],
    [100, { metadata: { ['x'.repeat(256)]: 'x' } }, /does not match any of the regexes/],
    [100, { metadata: { key: 'x'.repeat(256) } }, /is too long/],
    [100, { hostname: '' }, /hostname/],
    [93, { hostname: 'host.example' }, /does not match/],
    [1, { personality: [{ path: 'x' }] }, /'contents' is a required property/],
    [100, { unknown: 1 }, /unexpected/],
  ])('of 2.%i with %j is refused', async (microversion, body, message) => {
    const before = await show();
    const answer = await rebuild(body, { microversion });
    expect([answer.status, answer.body]).toEqual([400, { badRequest: { code: 400, message: expect.stringMatching(message) } }]);
    expect(await show()).toEqual(before);
  });
});

describe('is refused, and changes nothing', () => {
  const refused = async (body: object, message: string, status = 400, options: Parameters<typeof rebuild>[1] = {}) => {
    const before = await show();
    const answer = await rebuild({ name: 'renamed', ...body }, options);
    const name = { 400: 'badRequest', 403: 'forbidden', 409: 'conflictingRequest' }[status] ?? '';
    expect([answer.status, answer.body]).toEqual([status, { [name]: { code: status, message } }]);
    expect(await show()).toEqual(before);
  };

  test('for an image that is not there, of somebody else, without its kernel, or not active', async () => {
    await refused({ imageRef: randomUUID() }, 'Cannot find image for rebuild');
    await refused({ imageRef: await cloud.newImage({ visibility: 'private', owner: 'somebody' }) }, 'Cannot find image for rebuild');
    await refused({ imageRef: await cloud.newImage({ properties: { kernel_id: randomUUID() } }) }, 'Cannot find image for rebuild');
    const queued = await cloud.newImage({ status: 'queued' });
    await refused({ imageRef: queued }, `Image ${queued} is not active.`);
    const encrypted = await cloud.newImage({ properties: { cinder_encryption_key_id: 'key' } });
    const reason = 'Direct booting of an image uploaded from an encrypted volume is unsupported.';
    await refused({ imageRef: encrypted }, `Image ${encrypted} is unacceptable: ${reason}`);
  });

  test('for one that does not fit the flavor', async () => {
    await refused({ imageRef: await cloud.newImage({ minRam: 4_096 }) }, "Flavor's memory is too small for requested image.");
    const disk = 2 ** 30;
    await refused(
      { imageRef: await cloud.newImage({ size: 2 * disk }) },
      `Flavor's disk is too small for requested image. Flavor disk is ${disk} bytes, image is ${2 * disk} bytes.`,
    );
    await refused(
      { imageRef: await cloud.newImage({ minDisk: 100 }) },
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${disk} bytes, minimum size is ${100 * disk} bytes.`,
    );
    await refused(
      { imageRef: await cloud.newImage({ properties: { hw_numa_nodes: '1' } }) },
      "An instance's NUMA topology cannot be changed as part of a rebuild. The image provided is invalid for this instance.",
    );
    const fixed = await cloud.newImage({ properties: { auto_disk_config: 'Disabled' } });
    await refused({ imageRef: fixed, 'OS-DCF:diskConfig': 'AUTO' }, `Requested image ${fixed} has automatic disk resize disabled.`);
  });

  test('for a key that the caller does not have, and too many metadata or files', async () => {
    await refused({ key_name: 'nobody' }, 'Invalid key_name provided.');
    const metadata = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`key${index}`, 'x']));
    await refused({ metadata }, 'Maximum number of metadata items exceeds 128', 403);
    const personality = Array.from({ length: 6 }, (_, index) => ({ path: `/${index}`, contents: '' }));
    await refused({ personality }, 'Personality file limit exceeded', 403, { microversion: 56 });
  });

  test('for its state or its lock before anything else', async () => {
    const image = { imageRef: randomUUID() };
    await member.send('POST', `/servers/${server}/action`, { body: { pause: null } });
    await refused(image, `Cannot 'rebuild' instance ${server} while it is in vm_state paused`, 409);
    await member.send('POST', `/servers/${server}/action`, { body: { lock: null } });
    await refused(image, `Instance ${server} is locked`, 409);
    await admin.send('POST', `/servers/${server}/action`, { body: { unpause: null } });
    await refused(image, `Instance ${server} is locked`, 409);
    await refused(image, 'Cannot find image for rebuild', 400, { user: admin });
  });

  test('while it is built, in cell0, and for others', async () => {
    const full = await cloud.newFlavor({ disk: 100_000 });
    server = await member.boot({ flavorRef: full });
    await member.settled(server);
    await refused({}, `Instance ${server} is in an invalid state for 'rebuild'`, 409);
    const stranger = await cloud.newUser();
    expect((await rebuild({}, { user: stranger })).status).toBe(404);
    const reader = await cloud.newUser('reader', member.projectId);
    expect((await rebuild({}, { user: reader })).status).toBe(403);
  });
});

describe('of a server with its root disk on a volume', () => {
  beforeEach(async () => {
    const root = { boot_index: 0, uuid: cirros, source_type: 'image', destination_type: 'volume', volume_size: 1 };
    server = await member.boot({ imageRef: '', block_device_mapping_v2: [root] });
    await member.settled(server);
  });

  test('takes its own image, and another one since 2.93', async () => {
    expect((await rebuild({}, { microversion: 1 })).status).toBe(202);
    const reason = 'Unable to rebuild with a different image for a volume-backed server.';
    const { status, body } = await rebuild({ imageRef: other }, { microversion: 92 });
    expect([status, body]).toEqual([400, { badRequest: { code: 400, message: `Image ${other} is unacceptable: ${reason}` } }]);
    expect((await rebuild({ imageRef: other }, { microversion: 93 })).server).toMatchObject({ image: '' });
    expect(await show()).toMatchObject({ status: 'ACTIVE', image: '' });
    expect((await specOf(server))?.image.id).toBe(other);
  });

  test('takes no certificates', async () => {
    const { body } = await rebuild({ trusted_image_certificates: ['certificate'] });
    expect(body).toEqual({
      badRequest: { code: 400, message: 'Image certificate validation is not supported for volume-backed servers.' },
    });
  });
});

describe('with an image that the host cannot run', () => {
  const notEnough = 'No valid host was found. There are not enough hosts available.';
  const traits =
    'No valid host was found. Image traits cannot be satisfied by the current resource providers. Either specify a different image during rebuild or create a new server with the specified image.';
  test.each([
    [{ hw_architecture: 's390x' }, notEnough],
    [{ 'trait:CUSTOM_GOLD': 'required' }, traits],
  ])('%j, is accepted, and leaves the server in ERROR with the image that it had', async (properties, message) => {
    const image = await cloud.newImage({ properties });
    const before = await specOf(server);
    expect((await rebuild({ imageRef: image, name: 'renamed' })).status).toBe(202);
    expect(await show()).toMatchObject({ status: 'ERROR', name: 'renamed', image: { id: cirros }, fault: { code: 500, message } });
    await comeToRest(cloud.service);
    expect((await specOf(server))?.image).toEqual(before?.image);
    const { body } = await admin.send<{ instanceActions: Json[] }>('GET', `/servers/${server}/os-instance-actions`);
    expect(body.instanceActions[0]).toMatchObject({ action: 'rebuild', message: 'Error' });
    expect((await rebuild({})).status).toBe(202);
    expect(await show()).toMatchObject({ status: 'ACTIVE' });
  });
});

test('an image of which the host makes no guest leaves the server in ERROR, and its own all the same', async () => {
  const image = await cloud.newImage({ properties: { cellzero_simulated_build: 'fail' } });
  expect((await rebuild({ imageRef: image })).status).toBe(202);
  const message = expect.stringMatching(/^The simulated host \S+ was set to fail.$/);
  expect(await show()).toMatchObject({ status: 'ERROR', image: { id: image }, fault: { code: 500, message } });
  expect((await specOf(server))?.image.id).toBe(image);
});

test('the password of a guest is in no database', async () => {
  const adminPass = randomUUID();
  expect((await rebuild({ adminPass })).status).toBe(202);
  const held = await Promise.all([cloud.service.api, cloud.database('cell1')].map(contentsOf));
  expect(JSON.stringify(held)).not.toContain(adminPass);
});
