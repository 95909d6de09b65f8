import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type Reply, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';

const image = 'c1220500-0000-4000-8000-000000000001';
const second = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const microsecond = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);

let cloud: Cloud;
let tooLarge: string;
beforeAll(async () => {
  cloud = await startCloud();
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
});
afterAll(() => cloud?.stop());

function get(user: User, id: string, microversion: number): Promise<Reply<{ server: ServerBody }>> {
  return user.send('GET', `/servers/${id}`, { microversion });
}

/** What Nova answers at 2.1 for a server that no host could hold (nova-facts, Appendix B). */
function buried(user: User, id: string, base = cloud.service.url) {
  return {
    id,
    name: 'server',
    status: 'ERROR',
    tenant_id: user.projectId,
    user_id: user.userId,
    created: second,
    updated: second,
    hostId: '',
    addresses: {},
    accessIPv4: '',
    accessIPv6: '',
    metadata: {},
    config_drive: '',
    key_name: null,
    image: { id: image, links: [{ rel: 'bookmark', href: `${base}/images/${image}` }] },
    flavor: { id: tooLarge, links: [{ rel: 'bookmark', href: `${base}/flavors/${tooLarge}` }] },
    links: [
      { rel: 'self', href: `${base}/v2.1/servers/${id}` },
      { rel: 'bookmark', href: `${base}/servers/${id}` },
    ],
    'OS-DCF:diskConfig': 'MANUAL',
    'OS-EXT-AZ:availability_zone': '',
    'OS-EXT-STS:vm_state': 'error',
    'OS-EXT-STS:task_state': null,
    'OS-EXT-STS:power_state': 0,
    'OS-SRV-USG:launched_at': null,
    'OS-SRV-USG:terminated_at': null,
    'os-extended-volumes:volumes_attached': [],
    fault: { code: 500, created: second, message: 'No valid host was found. ' },
  };
}

/** What each microversion adds for everybody; the flavor changes its form. */
const additions: [number, object][] = [
  [9, { locked: false }],
  [19, { description: null }],
  [26, { tags: [] }],
  [47, { flavor: { vcpus: 1, ram: 64, disk: 10_000, ephemeral: 0, swap: 0, original_name: expect.any(String), extra_specs: {} } }],
  [63, { trusted_image_certificates: null }],
  [71, { server_groups: [] }],
  [73, { locked_reason: null }],
  [90, { 'OS-EXT-SRV-ATTR:hostname': 'server' }],
  [96, { pinned_availability_zone: null }],
  [98, { image: { id: image, links: [expect.anything()], properties: {} } }],
  [100, { scheduler_hints: {} }],
];

function at(microversion: number): object {
  return Object.assign({}, ...additions.filter(([since]) => since <= microversion).map(([, keys]) => keys));
}

const adminKeys = {
  'OS-EXT-SRV-ATTR:host': null,
  'OS-EXT-SRV-ATTR:hypervisor_hostname': null,
  'OS-EXT-SRV-ATTR:instance_name': expect.stringMatching(/^instance-[0-9a-f]{8}$/),
};
const adminKeysSince3 = {
  'OS-EXT-SRV-ATTR:hostname': 'server',
  'OS-EXT-SRV-ATTR:kernel_id': '',
  'OS-EXT-SRV-ATTR:ramdisk_id': '',
  'OS-EXT-SRV-ATTR:launch_index': 0,
  'OS-EXT-SRV-ATTR:reservation_id': expect.stringMatching(/^r-[0-9a-z]{8}$/),
  'OS-EXT-SRV-ATTR:root_device_name': null,
  'OS-EXT-SRV-ATTR:user_data': null,
};

describe('a server in cell0', () => {
  test('has exactly the keys of its microversion, for its tenant', async () => {
    const user = await cloud.newUser();
    const id = await user.boot({ flavorRef: tooLarge });
    await user.settled(id);
    expect((await get(user, id, 1)).body).toEqual({ server: buried(user, id) });
    for (const [microversion] of additions) {
      for (const asked of [microversion - 1, microversion]) {
        expect((await get(user, id, asked)).body.server, `2.${asked}`).toEqual({ ...buried(user, id), ...at(asked) });
      }
    }
  });

  test('shows an admin the whole reason and the attributes of the host it does not have', async () => {
    const admin = await cloud.newUser('admin');
    const id = await admin.boot({ flavorRef: tooLarge });
    await admin.settled(id);
    const fault = {
      code: 500,
      created: second,
      message: 'No valid host was found. ',
      details: expect.stringMatching(/^No valid host was found\. \n(.*\n)*.*DISK_GB/),
    };
    for (const [microversion, keys] of [
      [1, adminKeys],
      [3, { ...adminKeys, ...adminKeysSince3 }],
      [16, { ...adminKeys, ...adminKeysSince3, host_status: '' }],
      [100, { ...adminKeys, ...adminKeysSince3, host_status: '' }],
    ] as const) {
      const { body } = await get(admin, id, microversion);
      expect(body.server, `2.${microversion}`).toEqual({ ...buried(admin, id), ...at(microversion), ...keys, fault });
    }
  });

  test('is listed as it is shown, but for its groups', async () => {
    const user = await cloud.newUser();
    const id = await user.boot({ flavorRef: tooLarge });
    await user.settled(id);
    const { body } = await user.send('GET', '/servers/detail');
    const { server_groups: _, ...server } = (await get(user, id, 100)).body.server;
    expect(body).toEqual({ servers: [server] });
    const { body: index } = await user.send('GET', '/servers');
    expect(index).toEqual({ servers: [{ id, name: 'server', links: server.links }] });
  });

  test('has volumes with their life since 2.3', async () => {
    const user = await cloud.newUser();
    const volume = 'aaaaaaaa-0000-4000-8000-000000000002';
    const image = 'c1220500-0000-4000-8000-000000000001';
    const disk = { uuid: image, source_type: 'image', destination_type: 'volume', volume_size: 1, boot_index: 0 };
    const id = await user.boot({ flavorRef: tooLarge, imageRef: '', block_device_mapping_v2: [disk] });
    await user.settled(id);
    // As a host notes it that has made the volume.
    const made = `update block_device_mapping set volume_id = :volume where instance_uuid = :id::uuid`;
    await query(cloud.database('cell0'), made, { id, volume });
    const volumes = async (microversion: number) => (await get(user, id, microversion)).body.server['os-extended-volumes:volumes_attached'];
    expect(await volumes(2)).toEqual([{ id: volume }]);
    expect(await volumes(3)).toEqual([{ id: volume, delete_on_termination: false }]);
    expect((await get(user, id, 1)).body.server.image).toBe('');
  });
});

describe('a server on a host', () => {
  test('is ACTIVE in zone nova, with a host id of its project, and no fault', async () => {
    const user = await cloud.newUser();
    const id = await user.boot();
    await user.settled(id);
    const { server } = (await get(user, id, 1)).body;
    const { fault: _, ...same } = buried(user, id);
    expect(server).toEqual({
      ...same,
      status: 'ACTIVE',
      progress: 0,
      hostId: expect.stringMatching(/^[0-9a-f]{56}$/),
      flavor: { id: '1', links: [{ rel: 'bookmark', href: `${cloud.service.url}/flavors/1` }] },
      'OS-EXT-AZ:availability_zone': 'nova',
      'OS-EXT-STS:vm_state': 'active',
      'OS-EXT-STS:power_state': 1,
      'OS-SRV-USG:launched_at': microsecond,
    });
    expect((await get(user, id, 100)).body.server).toMatchObject({ pinned_availability_zone: null });
  });

  test('has another host id in another project', async () => {
    const [one, other] = [await cloud.newUser(), await cloud.newUser()];
    const admin = await cloud.newUser('admin');
    const seen = new Map<unknown, Set<unknown>>();
    for (const user of [one, other, one, other, one, other]) {
      const id = await user.boot();
      await user.settled(id);
      const { hostId, 'OS-EXT-SRV-ATTR:host': host } = (await get(admin, id, 100)).body.server;
      seen.set(host, (seen.get(host) ?? new Set()).add(`${user === one} ${hostId}`));
    }
    for (const hostIds of seen.values()) expect(new Set([...hostIds].map((text) => String(text).split(' ')[1])).size).toBe(hostIds.size);
  });
});

describe('a server that is being built', () => {
  test('shows BUILD and scheduling, its tags, and no host', async () => {
    const user = await cloud.newUser();
    const slow = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 300, sql: 'asked as (select jsonb_array_elements_text' });
    const id = await user.boot({ tags: ['a'], metadata: { k: 'v' } });
    const { server } = (await get(user, id, 100)).body;
    slow.lift();
    expect(server).toMatchObject({
      status: 'BUILD',
      progress: 0,
      hostId: '',
      tags: ['a'],
      metadata: { k: 'v' },
      'OS-EXT-STS:vm_state': 'building',
      'OS-EXT-STS:task_state': 'scheduling',
      'OS-EXT-STS:power_state': 0,
      'OS-EXT-AZ:availability_zone': '',
    });
    expect(server).not.toHaveProperty('fault');
    await user.settled(id);
  });
});

describe('who sees it', () => {
  test('a reader of its project and any admin do, nobody else', async () => {
    const owner = await cloud.newUser();
    const id = await owner.boot();
    const reader = await cloud.newUser('reader', owner.projectId);
    const stranger = await cloud.newUser('member');
    const admin = await cloud.newUser('admin');
    expect((await get(reader, id, 1)).status).toBe(200);
    expect((await get(admin, id, 1)).status).toBe(200);
    const { status, body } = await get(stranger, id, 1);
    expect([status, body]).toEqual([404, { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } }]);
  });

  test.each(['00000000-0000-4000-8000-000000000000', 'server', '%00', '\u{1f600}', 'x'.repeat(2_000)])('nobody sees %s', async (id) => {
    const user = await cloud.newUser();
    const { status, body } = await user.send<{ itemNotFound: object }>('GET', `/servers/${id}`);
    expect(status).toBe(404);
    expect(body.itemNotFound).toMatchObject({ code: 404 });
  });
});
