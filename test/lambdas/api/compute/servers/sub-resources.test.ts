/** What is below a server: what it has, the truth of what it has not, and no 404 that means the server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, type Json, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let member: User;
let admin: User;
let living: string;
let buried: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  [member, admin] = [await cloud.newUser(), await cloud.newUser('admin')];
  living = await member.boot({ metadata: { role: 'web', constructor: 'x' }, tags: ['blue', 'green'] });
  buried = await member.boot({ metadata: { role: 'db' }, tags: ['red'], flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  expect([(await member.settled(living)).status, (await member.settled(buried)).status]).toEqual(['ACTIVE', 'ERROR']);
});
afterAll(() => cloud?.stop());

async function ask(user: User, method: string, path: string, microversion = 100): Promise<[number, unknown]> {
  const { status, body } = await user.send<Json | undefined>(method, path, { microversion });
  return [status, body];
}

const missing = (message: string) => [404, { itemNotFound: { code: 404, message } }];
const conflict = (message: string) => [409, { conflictingRequest: { code: 409, message } }];

test.each([
  ['metadata', { metadata: { role: 'web', constructor: 'x' } }],
  ['metadata/role', { meta: { role: 'web' } }],
  ['metadata/constructor', { meta: { constructor: 'x' } }],
  ['tags', { tags: ['blue', 'green'] }],
  ['ips', { addresses: {} }],
  ['os-security-groups', { security_groups: [] }],
  ['os-interface', { interfaceAttachments: [] }],
  ['os-volume_attachments', { volumeAttachments: [] }],
  ['shares', { shares: [] }],
  ['os-server-password', { password: '' }],
  ['topology', { nodes: [], pagesize_kb: null }],
])('%s of a server are shown', async (path, body) => {
  expect(await ask(member, 'GET', `/servers/${living}/${path}`)).toEqual([200, body]);
});

test('a tag is there or not', async () => {
  expect(await ask(member, 'GET', `/servers/${living}/tags/blue`)).toEqual([204, undefined]);
  expect(await ask(member, 'GET', `/servers/${living}/tags/red`)).toEqual(missing(`Server ${living} has no tag 'red'`));
  expect(await ask(member, 'GET', `/servers/${buried}/tags/red`)).toEqual([204, undefined]);
});

test('metadata that are not there are not what every object has', async () => {
  for (const key of ['toString', '__proto__', 'none']) {
    expect(await ask(member, 'GET', `/servers/${living}/metadata/${key}`), key).toEqual(missing('Metadata item was not found'));
  }
  expect(await ask(member, 'GET', `/servers/${buried}/metadata/constructor`)).toEqual(missing('Metadata item was not found'));
});

test.each([
  ['GET', 'ips/private', () => 'Instance is not a member of specified network'],
  ['GET', 'os-interface/p', () => 'Port id p could not be found.'],
  ['GET', 'os-volume_attachments/v', (id: string) => `Instance ${id} is not attached to volume v`],
  ['DELETE', 'os-volume_attachments/v', () => 'Volume v could not be found.'],
  ['GET', 'shares/s', () => 'Share s could not be found.'],
])('%s %s says what is missing', async (method, path, message) => {
  expect(await ask(member, method, `/servers/${living}/${path}`)).toEqual(missing(message(living)));
});

test('no server has a migration', async () => {
  expect(await ask(admin, 'GET', `/servers/${living}/migrations`)).toEqual([200, { migrations: [] }]);
  expect(await ask(admin, 'GET', `/servers/${living}/migrations/1`)).toEqual(
    missing(`In-progress live migration 1 is not found for server ${living}.`),
  );
  expect(await ask(admin, 'DELETE', `/servers/${living}/migrations/1`)).toEqual(missing(`Migration 1 not found for instance ${living}`));
  const path = `/servers/${living}/migrations/1/action`;
  expect((await admin.send('POST', path, { body: { force_complete: null } })).body).toEqual(
    missing(`Migration 1 not found for instance ${living}`)[1],
  );
  expect((await admin.send('POST', path, { body: { other: null } })).status).toBe(400);
});

test('diagnostics show what a server has, and what only a host could measure as null', async () => {
  const [status, body] = await ask(admin, 'GET', `/servers/${living}/diagnostics`);
  expect([status, body]).toEqual([
    200,
    {
      ...{
        state: 'running',
        driver: 'libvirt',
        hypervisor: 'simulated',
        hypervisor_os: null,
        uptime: expect.any(Number),
        config_drive: false,
      },
      ...{ num_cpus: 1, num_disks: 1, num_nics: 0, memory_details: { maximum: 512 * 1024, used: null }, nic_details: [] },
      cpu_details: [{ id: 0, time: null, utilisation: null }],
      disk_details: [{ errors_count: null, read_bytes: null, read_requests: null, write_bytes: null, write_requests: null }],
    },
  ]);
  expect(await ask(admin, 'GET', `/servers/${living}/diagnostics`, 47)).toEqual([200, { memory: 512 * 1024 }]);
  expect((await ask(member, 'GET', `/servers/${living}/diagnostics`))[0]).toBe(403);
});

test('a server in cell0 has no diagnostics, in words of Nova', async () => {
  expect(await ask(admin, 'GET', `/servers/${buried}/diagnostics`)).toEqual(conflict(`Instance ${buried} is not ready`));
});

test.each([
  ['GET', 'tags', 26],
  ['POST', 'remote-consoles', 6],
  ['GET', 'topology', 78],
  ['GET', 'shares', 97],
  ['GET', 'migrations', 23],
  ['DELETE', 'migrations/1', 24],
])('%s %s came with 2.%i', async (method, path, since) => {
  const url = `/servers/${living}/${path}`;
  expect(await ask(admin, method, url, since - 1)).toEqual(missing('The resource could not be found.'));
  expect(await ask(admin, method, url, since)).not.toEqual(missing('The resource could not be found.'));
});

test('a path that Nova does not have is 404, and a wrong method 405', async () => {
  expect(await ask(member, 'GET', `/servers/${living}/nothing`)).toEqual(missing('The resource could not be found.'));
  expect((await ask(member, 'GET', `/servers/${living}/action`))[0]).toBe(405);
});

test('a cell that does not answer is no missing server', async () => {
  const user = await cloud.newUser();
  const id = await user.boot();
  await user.settled(id);
  const down = cloud.service.dataApi.faults.add({ kind: 'down', cluster: 'cell1' });
  try {
    for (const [method, path] of [
      ['GET', 'metadata'],
      ['POST', 'action'],
    ] as const) {
      const { status } = await user.send(method, `/servers/${id}/${path}`, method === 'POST' ? { body: { pause: null } } : {});
      expect(status, path).toBe(503);
    }
  } finally {
    down.lift();
  }
});
