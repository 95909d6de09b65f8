/** Resizes and migrations over HTTP on hosts that answer at once: what the server shows, what hosts and quota hold, and what is on record. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applyLateReport } from '../../../../compute/hosts/apply-late-report.ts';
import { defaultSettings } from '../../../../compute/settings.ts';
import { changeFlavor } from '../../../../database/api/flavors.ts';
import { query } from '../../../../database/data-api/client.ts';
import { hostDriver } from '../../../../lambdas/shared/host-driver.ts';
import { startBoot } from '../../../../lambdas/workflows/boot/start.ts';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';

let cloud: Cloud;
let user: User;
let admin: User;
let server: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 2, hosts: 3 });
});
afterAll(() => cloud?.stop());

beforeEach(async () => {
  user = await cloud.newUser();
  admin = await cloud.newUser('admin', user.projectId);
  server = await user.boot();
  await user.settled(server);
});

const act = (who: User, body: object, microversion?: number) =>
  who.send<Record<string, { message: string }>>('POST', `/servers/${server}/action`, { body, ...(microversion && { microversion }) });
const resize = (flavorRef: string) => act(user, { resize: { flavorRef } });

async function shown() {
  const { body } = await admin.send<{ server: Record<string, unknown> }>('GET', `/servers/${server}`);
  const { status, flavor, fault } = body.server;
  return {
    status,
    fault: (fault as { message: string } | undefined)?.message,
    task: body.server['OS-EXT-STS:task_state'],
    power: body.server['OS-EXT-STS:power_state'],
    host: body.server['OS-EXT-SRV-ATTR:host'],
    flavor: (flavor as { original_name: string }).original_name,
  };
}

/** What the server and its migrations have on hosts, by the consumer. */
const allocated = () =>
  query<{ consumer: string; host: string; vcpus: number }>(
    cloud.service.api,
    `select case when consumer_id = :server::uuid then 'server' else 'migration' end as consumer, p.name as host, used::int as vcpus
     from allocations a join resource_providers p on p.id = resource_provider_id
     where resource_class = 'VCPU' and (consumer_id = :server::uuid or consumer_id in (select migration_uuid from migration_consumers where instance_uuid = :server::uuid))
     order by 1 desc`,
    { server },
  );
const quota = async () =>
  (
    await query<{ instances: number; cores: number; ram: number }>(
      cloud.service.api,
      'select instances, cores, ram::int from quota_usages where project_id = :project',
      { project: user.projectId },
    )
  )[0];
const actions = async () => {
  const { body } = await user.send<{ instanceActions: { action: string; message: string | null }[] }>(
    'GET',
    `/servers/${server}/os-instance-actions`,
  );
  return body.instanceActions.map(({ action, message }) => `${action} ${message ?? 'ended'}`);
};

test('a resize waits on its new host with the new flavor until it is confirmed', async () => {
  const { host } = await shown();
  expect(await quota()).toEqual({ instances: 1, cores: 1, ram: 512 });
  expect((await resize('2')).status).toBe(202);
  const waiting = await shown();
  expect(waiting).toMatchObject({ status: 'VERIFY_RESIZE', task: null, power: 1, flavor: 'm1.small' });
  expect(waiting.host).not.toBe(host);
  expect(await allocated()).toEqual([
    { consumer: 'server', host: waiting.host, vcpus: 1 },
    { consumer: 'migration', host, vcpus: 1 },
  ]);
  expect(await quota()).toEqual({ instances: 1, cores: 1, ram: 2_048 });
  expect((await act(user, { confirmResize: null })).status).toBe(204);
  expect(await shown()).toMatchObject({ status: 'ACTIVE', task: null, flavor: 'm1.small', host: waiting.host });
  expect(await allocated()).toEqual([{ consumer: 'server', host: waiting.host, vcpus: 1 }]);
  expect(await actions()).toEqual(['confirmResize ended', 'resize ended', 'create ended']);
  expect((await act(user, { confirmResize: null })).status).toBe(409);
});

test('a resize that is reverted is as before', async () => {
  const before = await shown();
  await resize('3');
  expect(await quota()).toEqual({ instances: 1, cores: 2, ram: 4_096 });
  expect((await act(user, { revertResize: null })).status).toBe(202);
  expect(await shown()).toEqual(before);
  expect(await allocated()).toEqual([{ consumer: 'server', host: before.host, vcpus: 1 }]);
  expect(await quota()).toEqual({ instances: 1, cores: 1, ram: 512 });
  expect(await actions()).toEqual(['revertResize ended', 'resize ended', 'create ended']);
});

test('a stopped server stays stopped', async () => {
  await act(user, { 'os-stop': null });
  await resize('2');
  expect(await shown()).toMatchObject({ status: 'VERIFY_RESIZE', power: 4 });
  await act(user, { confirmResize: null });
  expect(await shown()).toMatchObject({ status: 'SHUTOFF', power: 4 });
});

test('the smaller flavor frees quota when the resize is confirmed', async () => {
  server = await user.boot({ flavorRef: await cloud.newFlavor({ vcpus: 2, ram: 1_024, disk: 1 }) });
  await user.settled(server);
  expect(await quota()).toEqual({ instances: 2, cores: 3, ram: 1_536 });
  await resize('1');
  expect(await quota()).toEqual({ instances: 2, cores: 3, ram: 1_536 });
  await act(user, { confirmResize: null });
  expect(await quota()).toEqual({ instances: 2, cores: 2, ram: 1_024 });
});

test('a server that takes no processor has its row of them all the same, which says where it is', async () => {
  const flavor = await cloud.newFlavor({ ram: 1_024 });
  await changeFlavor(cloud.service.api, flavor, { specs: { 'resources:VCPU': '0' } });
  const { host } = await shown();
  await resize(flavor);
  const { host: destination } = await shown();
  expect(await allocated()).toEqual([
    { consumer: 'server', host: destination, vcpus: 0 },
    { consumer: 'migration', host, vcpus: 1 },
  ]);
});

test('a migration takes another host, or the one that an admin names', async () => {
  const { host } = await shown();
  expect((await act(admin, { migrate: null })).status).toBe(202);
  const moved = await shown();
  expect(moved).toMatchObject({ status: 'VERIFY_RESIZE', flavor: 'm1.tiny' });
  expect(moved.host).not.toBe(host);
  await act(admin, { confirmResize: null });
  expect((await act(admin, { migrate: { host } })).status).toBe(202);
  expect(await shown()).toMatchObject({ status: 'VERIFY_RESIZE', host });
});

describe('what cannot be', () => {
  test('leaves the server as it was, with the reason', async () => {
    const before = await shown();
    const flavor = await cloud.newFlavor({ disk: 5_000, ram: 1_024 });
    expect((await resize(flavor)).status).toBe(202);
    expect(await shown()).toEqual({ ...before, fault: undefined });
    const [fault] = await query<{ message: string; details: string }>(
      cloud.database(String(before.host).split('-')[0] ?? ''),
      'select message, details from instance_faults where instance_uuid = :server::uuid',
      { server },
    );
    expect(fault?.message).toBe('No valid host was found. ');
    expect(fault?.details).toContain('OtherCell: 3 of');
    expect(await actions()).toEqual(['resize Error', 'create ended']);
    expect(await allocated()).toEqual([{ consumer: 'server', host: before.host, vcpus: 1 }]);
    expect(await quota()).toEqual({ instances: 1, cores: 1, ram: 512 });
  });

  test.each<[string, () => object, number, string]>([
    ['a flavor that there is not', () => ({ resize: { flavorRef: 'none' } }), 400, 'Flavor none could not be found.'],
    ['the flavor that it has', () => ({ resize: { flavorRef: '1' } }), 400, 'When resizing, instances must change flavor!'],
    ['its own host', () => ({ migrate: { host: 'own' } }), 400, 'Cannot migrate to the host where the server exists.'],
    ['a host that there is not', () => ({ migrate: { host: 'none' } }), 400, 'Compute host none could not be found.'],
    ['a return of what was not resized', () => ({ revertResize: null }), 409, `Cannot 'revertResize' instance`],
  ])('%s', async (_, body, status, message) => {
    const { host } = await shown();
    const asked = JSON.parse(JSON.stringify(body()).replace('"own"', JSON.stringify(host)));
    const answer = await act(admin, asked);
    expect(answer.status).toBe(status);
    expect(Object.values(answer.body)[0]?.message).toContain(message);
  });

  test('a flavor that the quota does not allow', async () => {
    await admin.send('PUT', `/os-quota-sets/${user.projectId}`, { body: { quota_set: { cores: 1 } } });
    const answer = await resize('3');
    expect(answer.status).toBe(403);
    expect(answer.body.forbidden?.message).toBe('Quota exceeded for cores: Requested 1, but already used 1 of 1 cores');
  });
});

test('whatever a host says of its failure, the move ends by it, once, and the server is where it was', async () => {
  const before = await shown();
  const cellName = String(before.host).split('-')[0] ?? '';
  process.env.SIMULATION = JSON.stringify({ reportAfter: 0, lostChance: 1 });
  await resize('2');
  delete process.env.SIMULATION;
  expect(await shown()).toMatchObject({ status: 'RESIZE', task: 'resize_migrating', host: before.host });
  const [row] = await query<{ fencing_token: number; request_id: string }>(
    cloud.database(cellName),
    `select fencing_token, task->>'request_id' as request_id from instances where uuid = :server::uuid`,
    { server },
  );
  const about = {
    ...({ operation: 'migrate_disk_and_power_off', arguments: {} } as const),
    ...{ server, host: String(before.host), cell: cloud.service.databases.get(cellName) ?? '', fencing_token: row?.fencing_token ?? 0 },
    task: { action: 'resize', request_id: row?.request_id ?? '', attempt: 1 },
  };
  const report = () =>
    applyLateReport(
      { api: cloud.service.api, driver: hostDriver(), settings: defaultSettings, startBoot },
      { about, report: { result: 'failure', message: 'No disk\u0000.' } },
    );
  await report();
  await report();
  expect(await shown()).toEqual({ ...before, status: 'ERROR', fault: 'No disk.' });
  expect(await actions()).toEqual(['resize Error', 'create ended']);
  expect(await allocated()).toEqual([{ consumer: 'server', host: before.host, vcpus: 1 }]);
  expect(await quota()).toEqual({ instances: 1, cores: 1, ram: 512 });
});

test('a server that is deleted while it waits leaves nothing on both hosts', async () => {
  await resize('3');
  await user.send('DELETE', `/servers/${server}`);
  expect(await allocated()).toEqual([]);
  expect(await quota()).toEqual({ instances: 0, cores: 0, ram: 0 });
});

describe('operators list migrations', () => {
  type Listed = { migrations: Record<string, unknown>[]; migrations_links?: { href: string }[] };
  const list = async (query = '', microversion = 80) => (await admin.send<Listed>('GET', `/os-migrations?${query}`, { microversion })).body;

  test('with both hosts and flavors, the latest first, page by page', async () => {
    const { host } = await shown();
    await resize('2');
    const { host: destination } = await shown();
    const mine = `instance_uuid=${server}`;
    const [resized] = (await list(mine)).migrations;
    expect(resized).toMatchObject({
      instance_uuid: server,
      status: 'finished',
      migration_type: 'resize',
      source_compute: host,
      dest_compute: destination,
    });
    expect(resized).toMatchObject({ project_id: user.projectId, user_id: user.userId, dest_host: null });
    expect(resized?.old_instance_type_id).not.toBe(resized?.new_instance_type_id);
    await act(user, { confirmResize: null });
    await act(admin, { migrate: null });
    const both = await list(mine);
    expect(both.migrations.map(({ status, migration_type }) => `${migration_type} ${status}`)).toEqual([
      'migration finished',
      'resize confirmed',
    ]);
    const first = await list(`${mine}&limit=1`);
    expect(first.migrations).toEqual(both.migrations.slice(0, 1));
    const next = new URL(first.migrations_links?.[0]?.href ?? '').search.slice(1);
    expect((await list(next)).migrations).toEqual(both.migrations.slice(1));
  });

  test('by what they ask for, and see of them what their microversion has', async () => {
    await resize('2');
    const { host } = await shown();
    const mine = `instance_uuid=${server}`;
    const count = async (query: string) => (await list(`${mine}&${query}`)).migrations.length;
    expect(await count('status=finished')).toBe(1);
    expect(await count('status=error')).toBe(0);
    expect(await count('migration_type=migration')).toBe(0);
    expect(await count(`host=${host}`)).toBe(1);
    expect(await count(`source_compute=${host}`)).toBe(0);
    expect(await count(`user_id=${user.userId}&project_id=${user.projectId}`)).toBe(1);
    expect(await count('user_id=nobody')).toBe(0);
    expect(await count('changes-since=2100-01-01T00:00:00Z')).toBe(0);
    expect(await count('changes-before=2100-01-01T00:00:00Z')).toBe(1);
    expect(
      Object.keys((await list(mine, 1)).migrations[0] ?? {}).filter((key) => ['uuid', 'migration_type', 'user_id'].includes(key)),
    ).toEqual([]);
    expect((await list(mine, 23)).migrations[0]).toMatchObject({ migration_type: 'resize' });
    const answers = ['marker=none', 'changes-since=2026-01-02T00:00:00Z&changes-before=2026-01-01T00:00:00Z', 'unknown=1'].map(
      async (query) => (await admin.send('GET', `/os-migrations?${query}`)).status,
    );
    expect(await Promise.all(answers)).toEqual([400, 400, 400]);
  });
});
