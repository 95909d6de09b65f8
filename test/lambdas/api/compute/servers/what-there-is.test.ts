/** What a boot and a filter may name: what Glance shows to the caller, his groups, and flavors that there are. */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureImage, type ImageVisibility } from '../../../../../database/api/images.ts';
import { cirros } from '../../../../../image/cirros.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let admin: User;
let member: User;
let owner: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 2 });
  [admin, member, owner] = [await cloud.newUser('admin'), await cloud.newUser(), await cloud.newUser()];
});
afterAll(() => cloud?.stop());

const visibilities: readonly ImageVisibility[] = ['public', 'community', 'shared', 'private'];

async function boot(user: User, server: object, beside: object = {}) {
  const body = { server: { name: 'one', imageRef: cirros('').id, flavorRef: '1', networks: 'none', ...server }, ...beside };
  return user.send<{ server: { id: string }; badRequest?: { message: string } }>('POST', '/servers', { body });
}

test.each(visibilities)('who sees a %s image by its id finds it in the list and boots from it, and nobody else', async (visibility) => {
  const id = randomUUID();
  await ensureImage(cloud.service.api, { ...cirros(owner.projectId), id, name: visibility, visibility });
  const open = visibility === 'public' || visibility === 'community';
  for (const [user, sees] of [
    [owner, true],
    [admin, true],
    [member, open],
  ] as const) {
    const ask = async (path: string) => fetch(`${cloud.service.url}/image${path}`, { headers: { 'X-Auth-Token': user.token } });
    const { images } = (await (await ask(`/v2/images?visibility=all&id=${id}`)).json()) as { images: unknown[] };
    const booted = await boot(user, { imageRef: id });
    expect([(await ask(`/v2/images/${id}`)).status, images.length, booted.status]).toEqual(sees ? [200, 1, 202] : [404, 0, 400]);
    if (!sees) expect(booted.body.badRequest?.message).toBe('Can not find requested image');
  }
});

test('an admin boots into the group of any project, others into those of their own', async () => {
  const { body } = await owner.send<{ server_group: { id: string } }>('POST', '/os-server-groups', {
    body: { server_group: { name: 'group', policy: 'soft-affinity' } },
  });
  const group = body.server_group.id;
  const hints = { 'os:scheduler_hints': { group } };
  const refused = await boot(member, {}, hints);
  expect([refused.status, refused.body.badRequest?.message]).toEqual([400, `Instance group ${group} could not be found.`]);
  const { status, body: booted } = await boot(admin, {}, hints);
  expect(status).toBe(202);
  expect(await admin.settled(booted.server.id)).toMatchObject({ status: 'ACTIVE', server_groups: [group] });
  const { body: shown } = await owner.send<{ server_group: { members: string[] } }>('GET', `/os-server-groups/${group}`);
  expect(shown.server_group.members).toEqual([booted.server.id]);
});

test('the id of a deleted flavor finds nothing, and one that has its id now finds its own servers', async () => {
  const user = await cloud.newUser();
  const flavorRef = await cloud.newFlavor({});
  const found = async () => {
    const { body } = await user.send<{ servers: ServerBody[] }>('GET', `/servers?flavor=${flavorRef}`);
    return body.servers.map(({ id }) => id);
  };
  const before = await user.boot({ flavorRef });
  expect(await found()).toEqual([before]);
  await user.settled(before);
  expect(await found()).toEqual([before]);
  await admin.send('DELETE', `/flavors/${flavorRef}`);
  expect(await found()).toEqual([]);
  const flavor = { name: randomBytes(6).toString('hex'), id: flavorRef, ram: 64, vcpus: 1, disk: 1 };
  expect((await admin.send('POST', '/flavors', { body: { flavor } })).status).toBe(200);
  expect(await found()).toEqual([]);
  const after = await user.boot({ flavorRef });
  expect(await found()).toEqual([after]);
});

test.each([
  [
    'the request says',
    {
      block_device_mapping_v2: [{ boot_index: 0, uuid: 'image', source_type: 'image', destination_type: 'local', device_name: '/dev/sdz' }],
    },
    {},
    '/dev/sdz',
  ],
  ['the image says', {}, { root_device_name: 'xvda' }, '/dev/xvda'],
  ['the image says whole', {}, { root_device_name: '/dev/hda' }, '/dev/hda'],
  ['hosts use', {}, {}, '/dev/vda'],
])('the root disk of an ACTIVE server has the name that %s', async (_, server, properties, name) => {
  const id = randomUUID();
  await ensureImage(cloud.service.api, { ...cirros(admin.projectId), id, properties });
  const { status, body } = await boot(
    admin,
    JSON.parse(JSON.stringify({ imageRef: id, ...server }).replace('"uuid":"image"', `"uuid":"${id}"`)),
  );
  expect(status).toBe(202);
  expect(await admin.settled(body.server.id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:root_device_name': name });
});
