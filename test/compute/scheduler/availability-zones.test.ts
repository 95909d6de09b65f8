/** Availability zones as clients meet them: listed from aggregates, asked for, and shown with the server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drainHost, enableHost } from '../../../compute/hosts/hosts.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

test('a zone is listed while it has hosts, available while one is enabled, and is where its servers are', async () => {
  const admin = await cloud.newUser('admin');
  const { api } = cloud.service;
  await query(
    api,
    `with made as (insert into aggregates (name) values ('rack') returning id),
     zone as (insert into aggregate_metadata (aggregate_id, key, value) select id, 'availability_zone', 'az1' from made)
     insert into aggregate_hosts (aggregate_id, host) select id, 'cell2-host1' from made`,
  );
  const list = async () => (await admin.send('GET', '/os-availability-zone')).body;
  const zone = (zoneName: string, available: boolean) => ({ zoneName, zoneState: { available }, hosts: null });
  expect(await list()).toEqual({ availabilityZoneInfo: [zone('az1', true), zone('nova', true)] });
  const detail = await admin.send<{ availabilityZoneInfo: { zoneName: string; hosts: object }[] }>('GET', '/os-availability-zone/detail');
  expect(detail.body.availabilityZoneInfo.map(({ zoneName, hosts }) => [zoneName, Object.keys(hosts)])).toEqual([
    ['az1', ['cell2-host1']],
    ['nova', ['cell1-host1', 'cell1-host2', 'cell2-host2']],
  ]);
  await query(api, `update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name = 'cell2-host1'`);
  expect(await list()).toEqual({ availabilityZoneInfo: [zone('nova', true), zone('az1', false)] });
});

test('of a forced host the zone alone is kept, shown and found, and none that the host is not in', async () => {
  const admin = await cloud.newUser('admin');
  const tooLarge = await cloud.newFlavor({ disk: 10_000 });
  for (const [asked, zone] of [
    ['nova:cell1-host1:cell1-host1', 'nova'],
    ['nova:cell1-host1', 'nova'],
    ['nova::cell1-host1', 'nova'],
    [':cell1-host1', ''],
    ['az1:cell1-host1', ''],
  ]) {
    const id = await admin.boot({ availability_zone: asked, flavorRef: tooLarge });
    expect(await admin.settled(id), asked).toMatchObject({ 'OS-EXT-AZ:availability_zone': zone, pinned_availability_zone: zone || null });
    const { body } = await admin.send<{ servers: { id: string }[] }>('GET', `/servers?availability_zone=^${zone}$`);
    expect(
      body.servers.map((server) => server.id),
      asked,
    ).toEqual(zone ? expect.arrayContaining([id]) : []);
    const placed = await admin.boot({ availability_zone: asked });
    expect(await admin.settled(placed), asked).toMatchObject({
      ...{ 'OS-EXT-AZ:availability_zone': 'nova', pinned_availability_zone: zone || null, 'OS-EXT-SRV-ATTR:host': 'cell1-host1' },
    });
  }
  const body = {
    server: {
      name: 'n',
      imageRef: 'c1220500-0000-4000-8000-000000000001',
      flavorRef: '1',
      networks: 'none',
      host: 'cell1-host1',
      availability_zone: 'nova:cell1-host1',
    },
  };
  expect((await admin.send('POST', '/servers', { body })).body).toEqual({
    badRequest: {
      code: 400,
      message: 'One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.',
    },
  });
});

test('the status of a host follows its service: up, in maintenance while it is disabled, down when it is forced', async () => {
  const admin = await cloud.newUser('admin');
  const id = await admin.boot({ availability_zone: ':cell1-host2' });
  const status = async () => {
    const { host_status } = await admin.settled(id);
    const { body } = await admin.send<{ servers: { id: string; host_status: string }[] }>('GET', '/servers/detail');
    expect(body.servers.find((server) => server.id === id)?.host_status).toBe(host_status);
    return host_status;
  };
  expect(await status()).toBe('UP');
  await drainHost(cloud.service.api, 'cell1-host2', 'new disks');
  expect(await status()).toBe('MAINTENANCE');
  const force = (down: boolean) =>
    query(cloud.database('cell1'), `update services set forced_down = :down where host = 'cell1-host2'`, { down });
  await force(true);
  expect(await status()).toBe('DOWN');
  await force(false);
  await enableHost(cloud.service.api, 'cell1-host2');
  expect(await status()).toBe('UP');
  await query(cloud.database('cell1'), `update services set deleted = id where host = 'cell1-host2'`);
  expect(await status()).toBe('');
});
