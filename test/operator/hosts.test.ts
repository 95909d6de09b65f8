import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Host, listHosts } from '../../compute/hosts/hosts.ts';
import { removeHost } from '../../database/api/hosts/host-mappings.ts';
import { query } from '../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { cellzero } from './run.ts';

let dataDir: string;
let cloud: Cloud;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cellzero-hosts-'));
  cloud = await startCloud({ dataDir, cells: 1 });
});
afterEach(() => cloud.service.dataApi.faults.clear());
afterAll(async () => {
  await cloud?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const hosts = (...args: string[]) => cellzero(['hosts', ...args, '--data-dir', dataDir]);

async function listed(): Promise<Map<string, Host>> {
  return new Map((await listHosts(cloud.service.api, null)).map((host) => [host.host, host]));
}

/** Boots servers of a new project and returns the host of each; null is none. */
async function bootedOn(count: number, server?: Record<string, unknown>): Promise<unknown[]> {
  const admin = await cloud.newUser('admin');
  const ids = await Promise.all(Array.from({ length: count }, () => admin.boot(server)));
  return await Promise.all(ids.map(async (id) => (await admin.settled(id))['OS-EXT-SRV-ATTR:host']));
}

const service = (host: string) =>
  query(cloud.database('cell1'), 'select disabled, disabled_reason from services where host = :host', { host });

test('a listing shows what is used of what hosts have', async () => {
  await bootedOn(1);
  const { code, stdout } = await hosts();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\+-+.*\n\| Host +\| Cell +\| Zone +\| Status +\| vCPUs used/);
  expect(stdout).toMatch(/\| cell1-host\d \| cell1 \| nova \| enabled \| 1 of 16 +\| 512 of 65536 +\| 1 of 500 +\| 1 +\|/);
  expect(stdout).toContain('2 hosts, 2 of them may be picked');
  expect((await hosts('list', '--cell', 'cell1', '--json')).stdout).toBe((await hosts('--json')).stdout);
  expect((await hosts('--cell', 'cell0')).stdout).toMatch(/^There are no hosts/);
  expect(await hosts('--cell', 'cell9')).toMatchObject({ code: 1, stdout: '', stderr: 'cellzero: There is no cell cell9.\n' });
});

test('a disabled host gets no boot, an enabled one does', { timeout: 60_000 }, async () => {
  const disabled = await hosts('drain', 'cell1-host1', '--reason', 'its disk fails');
  expect(disabled.stdout).toContain('cell1-host1 of cell1 is disabled');
  expect(await service('cell1-host1')).toEqual([{ disabled: true, disabled_reason: 'its disk fails' }]);
  expect(await bootedOn(4)).toEqual(Array(4).fill('cell1-host2'));
  expect((await listed()).get('cell1-host1')).toMatchObject({ enabled: false, pickable: false, reason: 'its disk fails' });
  expect((await hosts()).stdout).toMatch(/\| cell1-host1 .*\| disabled \|.*\| its disk fails \|/);

  const other = JSON.parse((await hosts('drain', 'cell1-host2', '--json')).stdout);
  expect(other).toMatchObject({ host: 'cell1-host2', cell: 'cell1', enabled: false });
  expect(other.servers).toBeGreaterThanOrEqual(4);
  expect((await hosts('drain', 'cell1-host2')).stdout).toContain(`${other.servers} servers are still there, and stay`);
  expect(await bootedOn(1)).toEqual([null]);

  expect((await hosts('enable', 'cell1-host1')).stdout).toBe('cell1-host1 of cell1 is back in service.\n');
  expect(await service('cell1-host1')).toEqual([{ disabled: false, disabled_reason: null }]);
  expect(await bootedOn(3)).toEqual(Array(3).fill('cell1-host1'));
  expect((await hosts('enable', 'cell1-host2')).code).toBe(0);
  expect((await listed()).get('cell1-host2')).toMatchObject({ enabled: true, pickable: true, reason: null });
});

test('what stops halfway leaves a host that is not picked', { timeout: 60_000 }, async () => {
  const down = () => cloud.service.dataApi.faults.add({ cluster: 'cell1', kind: 'down' });
  const cell = down();
  const disabled = await hosts('drain', 'cell1-host1', '--reason', 'halfway');
  expect(disabled).toMatchObject({ code: 3, stdout: '' });
  expect(disabled.stderr).toMatch(/^cellzero: cell1-host1 is picked no more, but its cell cell1 does not know yet: /);
  expect((await listed()).get('cell1-host1')).toMatchObject({ pickable: false, reason: expect.stringContaining('does not answer') });
  cell.lift();
  expect(await service('cell1-host1')).toEqual([{ disabled: false, disabled_reason: null }]);
  expect(await bootedOn(2)).toEqual(Array(2).fill('cell1-host2'));

  expect((await hosts('drain', 'cell1-host1', '--reason', 'again')).code).toBe(0);
  down();
  expect((await hosts('enable', 'cell1-host1')).code).toBe(3);
  cloud.service.dataApi.faults.clear();
  expect((await listed()).get('cell1-host1')).toMatchObject({ pickable: false, reason: 'again' });
  expect((await hosts('enable', 'cell1-host1')).code).toBe(0);
});

test('a host that is forced down loses what it has begun at once, and ends what it runs of it when it is up again', {
  timeout: 60_000,
}, async () => {
  process.env.SIMULATION = JSON.stringify({ reportAfter: 900 });
  const admin = await cloud.newUser('admin');
  const id = await admin.boot();
  await cloud.service.workflow.drain();
  delete process.env.SIMULATION;
  const { body } = await admin.send<{ server: Record<string, string> }>('GET', `/servers/${id}`);
  const host = body.server['OS-EXT-SRV-ATTR:host'] ?? '';
  expect(body.server).toMatchObject({ status: 'BUILD', host_status: 'UP' });

  const down = await hosts('force-down', host);
  expect(down).toMatchObject({ code: 0, stdout: `${host} of cell1 is forced down. Builds that it has begun move to another host.\n` });
  const moved = await admin.settled(id);
  expect(moved).toMatchObject({ status: 'ACTIVE', host_status: 'UP' });
  expect(moved['OS-EXT-SRV-ATTR:host']).not.toBe(host);
  expect((await listed()).get(host)).toMatchObject({ enabled: false, pickable: false, forced_down: true, reason: null });
  expect((await hosts()).stdout).toMatch(new RegExp(`\\| ${host} .*\\| forced down \\|`));
  expect((await hosts('enable', host)).stdout).toContain('but still forced down');

  const guests = () => query(cloud.database('cell1'), 'select host, instance_uuid from guests_to_end');
  expect(await guests()).toEqual([{ host, instance_uuid: id }]);
  expect((await hosts('up', host)).stdout).toBe(`${host} of cell1 is up. What it runs of servers that left it is ended.\n`);
  await expect.poll(guests).toEqual([]);
  expect((await listed()).get(host)).toMatchObject({ enabled: true, pickable: true, forced_down: false });
  expect(await admin.settled(id)).toMatchObject({ status: 'ACTIVE' });
});

test('what is sent twice is done once', async () => {
  const traits = () => query(cloud.service.api, `select traits from resource_providers where name = 'cell1-host1'`);
  const lost = (sql: string) => cloud.service.dataApi.faults.add({ kind: 'after', sql, nth: 1 });
  const drain = [lost('array_append'), lost('update services')];
  expect((await hosts('drain', 'cell1-host1', '--reason', 'twice')).code).toBe(0);
  expect(drain.map(({ hits }) => hits)).toEqual([1, 1]);
  expect(await traits()).toEqual([{ traits: ['COMPUTE_STATUS_DISABLED'] }]);
  const enable = lost('generation = :generation');
  expect((await hosts('enable', 'cell1-host1')).code).toBe(0);
  expect(enable.hits).toBe(1);
  expect(await traits()).toEqual([{ traits: [] }]);
});

test('added hosts take servers, and keep their numbers', { timeout: 60_000 }, async () => {
  for (const nth of [1, 2]) cloud.service.dataApi.faults.add({ kind: 'after', sql: 'compute_nodes', nth });
  const { code, stdout } = await hosts('add', 'cell1', '--count', '2', '--vcpus', '64', '--memory-mb', '1024', '--disk-gb', '7', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout).map(({ host }: { host: string }) => host)).toEqual(['cell1-host3', 'cell1-host4']);
  expect((await hosts('add', 'cell1')).stdout).toBe('Added to cell1: cell1-host5.\n');
  const all = await listed();
  expect(all.size).toBe(5);
  // A host that was taken out of its cell comes back, with another size.
  await removeHost(cloud.service.api, 'cell1-host5');
  expect((await hosts('add', 'cell1', '--vcpus', '2')).stdout).toBe('Added to cell1: cell1-host5.\n');
  expect(await query(cloud.database('cell1'), `select vcpus from compute_nodes where host = 'cell1-host5'`)).toEqual([{ vcpus: 2 }]);
  expect(all.get('cell1-host4')).toMatchObject({
    capacity: { VCPU: { total: 64, used: 0 }, MEMORY_MB: { total: 1024 }, DISK_GB: { total: 7 } },
  });
  expect(await bootedOn(1, { flavorRef: await cloud.newFlavor({ vcpus: 20 }) })).toEqual([expect.stringMatching(/^cell1-host[34]$/)]);
  expect((await cellzero(['audit', '--settled', '--data-dir', dataDir])).code).toBe(0);

  expect(await hosts('add', 'cell0')).toMatchObject({ code: 1, stderr: expect.stringContaining('cell0 has no hosts') });
  expect(await hosts('add', 'cell9')).toMatchObject({ code: 1, stderr: 'cellzero: There is no cell cell9.\n' });
});

test('what is not valid changes nothing', async () => {
  const senseless = [['drain'], ['add', 'cell1', '--count', '0'], ['add', 'cell1', '--vcpus', 'x'], ['remove', 'cell1-host1']];
  for (const { code, stdout } of await Promise.all(senseless.map((args) => hosts(...args)))) expect([code, stdout]).toEqual([2, '']);
  for (const ended of await Promise.all(['drain', 'enable', 'force-down', 'up'].map((verb) => hosts(verb, 'nowhere')))) {
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: 'cellzero: There is no host nowhere.\n' });
  }
});
