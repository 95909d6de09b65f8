/** Availability zones as clients meet them: listed from aggregates, asked for, and shown with the server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
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
