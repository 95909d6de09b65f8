import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureImage, type NewImage } from '../../../../../database/api/images.ts';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { image, names, post } from './boots.ts';

const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

async function shown(user: User, id: string, microversion = 100): Promise<ServerBody> {
  return (await user.send<{ server: ServerBody }>('GET', `/servers/${id}`, { microversion })).body.server;
}

describe('the answer to an accepted boot', () => {
  test('is the first server with its password, and says where it is', async () => {
    const user = await cloud.newUser();
    const { status, headers, body } = await post(user, {});
    const { id } = body.server;
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`${cloud.service.url}/v2.1/servers/${id}`);
    expect(headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/);
    expect(body).toEqual({
      server: {
        id: uuid,
        links: [
          { rel: 'self', href: `${cloud.service.url}/v2.1/servers/${id}` },
          { rel: 'bookmark', href: `${cloud.service.url}/servers/${id}` },
        ],
        'OS-DCF:diskConfig': 'MANUAL',
        security_groups: [{ name: 'default' }],
        adminPass: expect.stringMatching(/^.{12}$/),
      },
    });
  });

  test('repeats the password, the security groups and the disk configuration that were asked for', async () => {
    const user = await cloud.newUser();
    const asked = { adminPass: 'é'.repeat(300), security_groups: [{ name: 'default' }, { name: 'default' }], 'OS-DCF:diskConfig': 'AUTO' };
    expect((await post(user, asked)).body.server).toMatchObject(asked);
  });

  test('is the reservation alone when that was asked for', async () => {
    const user = await cloud.newUser();
    const { headers, body } = await post(user, { return_reservation_id: 'True', max_count: 2 });
    expect(body).toEqual({ reservation_id: expect.stringMatching(/^r-[0-9a-z]{8}$/) });
    expect(headers.get('location')).toBeNull();
    const reservation = Object.values(body)[0];
    const { body: found } = await user.send<{ servers: ServerBody[] }>('GET', `/servers?reservation_id=${reservation}`);
    expect(found.servers.map(({ name }) => name).sort()).toEqual(['one-1', 'one-2']);
  });
});

describe('names', () => {
  test('of several servers are numbered, as are their host names', async () => {
    const user = await cloud.newUser();
    const { body } = await post(user, { name: 'Web Server', min_count: '2', max_count: '3' });
    expect(await names(user)).toEqual(['Web Server-1', 'Web Server-2', 'Web Server-3']);
    expect((await shown(user, body.server.id))['OS-EXT-SRV-ATTR:hostname']).toBe('web-server-1');
  });

  test('of one server stay as they are', async () => {
    const user = await cloud.newUser();
    const { body } = await post(user, { name: 'Ünï_code.x 1', min_count: 1, max_count: 1 });
    expect(await shown(user, body.server.id)).toMatchObject({ name: 'Ünï_code.x 1', 'OS-EXT-SRV-ATTR:hostname': 'ünï-code-x-1' });
  });

  test('without a letter that a host name may have become Server-<id>', async () => {
    const user = await cloud.newUser();
    const { body } = await post(user, { name: '日本' });
    expect(await shown(user, body.server.id)).toMatchObject({ name: '日本', 'OS-EXT-SRV-ATTR:hostname': `Server-${body.server.id}` });
  });

  test.each(['x'.repeat(255), '日'.repeat(255)])('of 255 characters are kept', async (name) => {
    const user = await cloud.newUser();
    const { body } = await post(user, { name });
    expect((await user.settled(body.server.id)).name).toBe(name);
  });
});

describe('what is asked for is shown', () => {
  test('whole', async () => {
    const user = await cloud.newUser();
    const other = 'aaaaaaaa-0000-4000-8000-000000000001';
    const { body } = await post(
      user,
      {
        description: 'what it is for',
        metadata: { 'a key_1:.-': 'é'.repeat(255), empty: '' },
        tags: ['b', 'a', 'b', '日'.repeat(60)],
        config_drive: 'yes',
        accessIPv4: '192.0.2.1',
        accessIPv6: '2001:db8::1',
        availability_zone: 'nova',
        hostname: 'given.example',
        block_device_mapping_v2: [
          { uuid: image, source_type: 'image', destination_type: 'local', boot_index: 0, delete_on_termination: true },
          { source_type: 'blank', destination_type: 'volume', volume_size: '1', delete_on_termination: 'true', tag: 'data' },
        ],
      },
      {},
      { 'os:scheduler_hints': { different_host: other, any: ['x', 'y'] } },
    );
    expect(await user.settled(body.server.id)).toMatchObject({
      description: 'what it is for',
      metadata: { 'a key_1:.-': 'é'.repeat(255), empty: '' },
      tags: ['a', 'b', '日'.repeat(60)],
      config_drive: 'True',
      accessIPv4: '192.0.2.1',
      accessIPv6: '2001:db8::1',
      'OS-EXT-AZ:availability_zone': 'nova',
      pinned_availability_zone: 'nova',
      'OS-EXT-SRV-ATTR:hostname': 'given.example',
      'os-extended-volumes:volumes_attached': [],
      scheduler_hints: { different_host: [other], any: ['x', 'y'] },
    });
  });

  test.each([
    ['on a host', '1'],
    ['in cell0', ''],
  ])('with keys that are words of the language, %s', async (_, flavor) => {
    const user = await cloud.newUser();
    const flavorRef = flavor || (await cloud.newFlavor({ disk: 10_000 }));
    const words = (value: unknown) => Object.fromEntries(['__proto__', 'constructor', 'toString'].map((word) => [word, value]));
    const beside = { 'os:scheduler_hints': { ...words('hint'), query: words(1) } };
    const { body } = await post(user, { flavorRef, metadata: words('value') }, {}, beside);
    const { metadata, scheduler_hints } = await user.settled(body.server.id);
    expect(Object.entries(metadata ?? {}).sort()).toEqual(Object.entries(words('value')).sort());
    const hints = { ...words(['hint']), query: [JSON.stringify(words(1))] };
    expect(Object.entries(scheduler_hints ?? {}).sort()).toEqual(Object.entries(hints).sort());
  });

  test.each([
    ['on a host', '1'],
    ['in cell0', ''],
  ])('with its trusted image certificates, %s', async (_, flavor) => {
    const user = await cloud.newUser();
    const flavorRef = flavor || (await cloud.newFlavor({ disk: 10_000 }));
    const trusted_image_certificates = ['one', 'two'];
    const { body } = await post(user, { flavorRef, trusted_image_certificates });
    expect(await user.settled(body.server.id)).toMatchObject({ trusted_image_certificates });
    expect(await shown(user, body.server.id, 62)).not.toHaveProperty('trusted_image_certificates');
    const none = (await post(user, { trusted_image_certificates: null })).body.server.id;
    expect(await user.settled(none)).toMatchObject({ trusted_image_certificates: null });
    const volume = { uuid: 'x', source_type: 'volume', boot_index: 0 };
    const refused = await post(user, { imageRef: '', block_device_mapping_v2: [volume], trusted_image_certificates });
    expect(refused).toMatchObject({
      ...{ status: 400, body: { badRequest: { message: 'Image certificate validation is not supported when booting from volume' } } },
    });
  });

  test('and before descriptions came (2.19), a description is the name', async () => {
    const user = await cloud.newUser();
    const { body } = await post(user, { name: 'old' }, { microversion: 18 });
    expect((await shown(user, body.server.id)).description).toBe('old');
  });

  test('to admins with what only they see', async () => {
    const admin = await cloud.newUser('admin');
    const user_data = Buffer.from('#!/bin/sh\n').toString('base64');
    const { body } = await post(admin, { user_data });
    expect(await admin.settled(body.server.id)).toMatchObject({
      'OS-EXT-SRV-ATTR:user_data': user_data,
      'OS-EXT-SRV-ATTR:host': expect.stringMatching(/^cell\d-host\d$/),
      'OS-EXT-SRV-ATTR:instance_name': expect.stringMatching(/^instance-[0-9a-f]{8}$/),
      'OS-EXT-SRV-ATTR:launch_index': 0,
    });
  });

  test('and in the cell the image is the root disk, with the swap and ephemeral disk of the flavor', async () => {
    const admin = await cloud.newUser('admin');
    const flavor = { name: 'disks', id: 'disks', vcpus: 1, ram: 64, disk: 1, swap: 512, 'OS-FLV-EXT-DATA:ephemeral': 2 };
    await admin.send('POST', '/flavors', { body: { flavor } });
    const { body } = await post(admin, { flavorRef: 'disks' });
    const host = String((await admin.settled(body.server.id))['OS-EXT-SRV-ATTR:host']);
    const cell = cloud.database(host.split('-')[0] ?? '');
    const disks = await query(
      cell,
      `select source_type, destination_type, boot_index, guest_format, volume_size, image_id
       from block_device_mapping where instance_uuid = :server::uuid order by id`,
      { server: body.server.id },
    );
    const blank = { source_type: 'blank', destination_type: 'local', boot_index: -1, image_id: null };
    expect(disks).toEqual([
      { source_type: 'image', destination_type: 'local', boot_index: 0, guest_format: null, volume_size: null, image_id: image },
      { ...blank, guest_format: null, volume_size: 2 },
      { ...blank, guest_format: 'swap', volume_size: 512 },
    ]);
  });

  test('and each of several servers has disks of its own', async () => {
    const user = await cloud.newUser();
    const disk = { uuid: image, source_type: 'image', destination_type: 'local', boot_index: 0, delete_on_termination: true };
    const { body } = await post(user, { min_count: 3, max_count: 3, block_device_mapping_v2: [disk] });
    await user.settled(body.server.id);
    await cloud.service.workflow.drain();
    const { body: list } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail');
    expect(list.servers.map(({ status }) => status)).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE']);
  });
});

describe('a root disk made of an image is bound by what binds a boot from it', () => {
  /** Adds an image with these fields, and boots from a volume of 1 GiB made of it. */
  async function boot(fields: Partial<NewImage>, asked: object = {}) {
    const id = randomUUID();
    const hashes = { checksum: null, osHashAlgo: null, osHashValue: null };
    await ensureImage(cloud.service.api, { ...plain, ...hashes, id, owner: 'another', ...fields });
    const user = await cloud.newUser();
    const disk = { uuid: id, source_type: 'image', destination_type: 'volume', volume_size: 1, boot_index: 0 };
    const { status, body } = await post(user, { imageRef: '', block_device_mapping_v2: [disk], ...asked });
    return { id, user, status, body };
  }
  const plain = {
    ...({ name: 'plain', visibility: 'public', status: 'active', size: 1, minDisk: 0, minRam: 0 } as const),
    ...{ diskFormat: 'raw', containerFormat: 'bare', properties: {} },
  };

  test.each<[Partial<NewImage>, (id: string) => string]>([
    [{ visibility: 'private' }, (id) => `Block Device Mapping is Invalid: failed to get image ${id}.`],
    [{ status: 'queued' }, (id) => `Image ${id} is not active.`],
    [{ properties: { hw_disk_bus: 'floppybus' } }, () => 'Invalid image metadata. Error: Field value floppybus is invalid'],
    [{ properties: { hw_mem_page_size: '4' } }, () => "Page size 4 forbidden against '<empty>'"],
    [{ minRam: 513 }, () => "Flavor's memory is too small for requested image."],
    [
      { minDisk: 2 },
      () =>
        'Volume is smaller than the minimum size specified in image metadata. Volume size is 1073741824 bytes, minimum size is 2147483648 bytes.',
    ],
  ])('%j', async (fields, message) => {
    const { id, status, body } = await boot(fields);
    expect([status, body]).toEqual([400, { badRequest: { code: 400, message: message(id) } }]);
  });

  test('its kernel and its ramdisk are images that the caller may use, unless it says that it has none', async () => {
    const { id: open } = await boot({});
    const { id: closed } = await boot({ visibility: 'private' });
    const refused = [400, { badRequest: { code: 400, message: 'Can not find requested image' } }];
    const answer = async (properties: Record<string, string>) => {
      const { status, body } = await boot({ properties });
      return [status, status === 202 ? {} : body];
    };
    expect(await answer({ kernel_id: open, ramdisk_id: open })).toEqual([202, {}]);
    expect(await answer({ kernel_id: 'nokernel', ramdisk_id: closed })).toEqual([202, {}]);
    for (const bad of [closed, randomUUID(), 'no-uuid', '']) {
      expect(await answer({ kernel_id: bad })).toEqual(refused);
      expect(await answer({ kernel_id: open, ramdisk_id: bad })).toEqual(refused);
    }
  });

  test('an admin sees them with the server, and none where the image says so', async () => {
    const admin = await cloud.newUser('admin');
    const { id: open } = await boot({});
    for (const [properties, shown] of [
      [{ kernel_id: open, ramdisk_id: open }, open],
      [{ kernel_id: 'nokernel', ramdisk_id: open }, ''],
      [{}, ''],
    ] as const) {
      const { body } = await boot({ properties });
      const server = await admin.settled(body.server.id);
      expect(server).toMatchObject({ 'OS-EXT-SRV-ATTR:kernel_id': shown, 'OS-EXT-SRV-ATTR:ramdisk_id': shown });
    }
  });

  test('and by what its properties ask of a host', async () => {
    const { user, body } = await boot({ properties: { img_hv_type: 'xen' } });
    expect(await user.settled(body.server.id)).toMatchObject({ status: 'ERROR', image: '' });
    const fitting = await boot({ minRam: 512, minDisk: 1, size: 2 ** 40 });
    expect(await fitting.user.settled(fitting.body.server.id)).toMatchObject({ status: 'ACTIVE', image: '' });
  });

  test('another disk may be of any image that the caller may use, and of no other', async () => {
    const disk = (uuid: string) => ({ uuid, source_type: 'image', destination_type: 'volume', volume_size: 1 });
    const root = { uuid: image, source_type: 'image', destination_type: 'local', boot_index: 0 };
    const { id: open, user } = await boot({ status: 'queued', minRam: 10_000 });
    const { id: closed } = await boot({ visibility: 'private' });
    const answer = await post(user, { block_device_mapping_v2: [root, disk(open)] });
    expect(await user.settled(answer.body.server.id)).toMatchObject({ status: 'ACTIVE' });
    expect((await post(user, { block_device_mapping_v2: [root, disk(open), disk(closed)] })).body).toEqual({
      badRequest: { code: 400, message: `Block Device Mapping is Invalid: failed to get image ${closed}.` },
    });
  });
});

describe('extra specs of the flavor', () => {
  /** Boots with a flavor that has this extra spec. */
  async function boot(key: string, value: string) {
    const flavorRef = await cloud.newFlavor({});
    // As one that was there before the value was refused.
    const add = 'insert into flavor_extra_specs (flavor_id, key, value) select id, :key, :value from flavors where flavorid = :flavor';
    await query(cloud.service.api, add, { key, value, flavor: flavorRef });
    const user = await cloud.newUser();
    return { user, ...(await post(user, { flavorRef })) };
  }

  test('that mean nothing are refused', async () => {
    expect((await boot('hw:mem_page_size', 'foo')).body).toEqual({ badRequest: { code: 400, message: "Invalid memory page size 'foo'" } });
  });

  test('that do not fit its vCPUs and memory are refused', async () => {
    const message =
      'Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit assignment of CPUs and memory to nodes is required';
    expect((await boot('hw:numa_nodes', '7')).body).toEqual({ badRequest: { code: 400, message } });
  });

  test('that ask for a resource which no host has bury the server', async () => {
    const { user, body } = await boot('resources:CUSTOM_GPU', '1');
    expect(await user.settled(body.server.id)).toMatchObject({ status: 'ERROR', fault: { code: 500 } });
  });
});

describe('who may boot', () => {
  test('a reader may not', async () => {
    const { status, body } = await post(await cloud.newUser('reader'), {});
    expect([status, body]).toEqual([
      403,
      { forbidden: { code: 403, message: "Policy doesn't allow os_compute_api:servers:create to be performed." } },
    ]);
  });

  test.each(['nova:cell1-host1', 'nova::cell1-host1', 'nova:cell1-host1:cell1-host1'])(
    'a member may not choose a host: %s',
    async (zone) => {
      const { status, body } = await post(await cloud.newUser(), { availability_zone: zone });
      expect([status, body]).toEqual([
        403,
        { forbidden: { code: 403, message: "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed." } },
      ]);
    },
  );
});
