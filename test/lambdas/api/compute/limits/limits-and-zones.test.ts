import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, startCloud } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 2 });
});
afterAll(() => cloud?.stop());

describe('limits', () => {
  const since57 = {
    maxTotalInstances: 10,
    maxTotalCores: 20,
    maxTotalRAMSize: 51_200,
    maxServerMeta: 128,
    maxTotalKeypairs: 100,
    maxServerGroups: 10,
    maxServerGroupMembers: 10,
    totalInstancesUsed: 0,
    totalCoresUsed: 0,
    totalRAMUsed: 0,
    totalServerGroupsUsed: 0,
  };
  const until56 = { ...since57, maxPersonality: 5, maxPersonalitySize: 10_240 };
  const until38 = { ...until56, maxImageMeta: 128 };
  const networks = { maxSecurityGroups: -1, maxSecurityGroupRules: -1, maxTotalFloatingIps: -1 };
  const until35 = { ...until38, ...networks, totalSecurityGroupsUsed: 0, totalFloatingIpsUsed: 0 };

  test.each([
    [1, until35],
    [35, until35],
    [36, until38],
    [38, until38],
    [39, until56],
    [56, until56],
    [57, since57],
    [100, since57],
  ])('at 2.%i are those of Nova', async (microversion, absolute) => {
    const user = await cloud.newUser('reader');
    expect((await user.send('GET', '/limits', { microversion })).body).toEqual({ limits: { rate: [], absolute } });
  });

  test('of another project are for admins', async () => {
    const [user, admin] = [await cloud.newUser(), await cloud.newUser('admin')];
    await user.boot({ flavorRef: '3' });
    const used = { totalInstancesUsed: 1, totalCoresUsed: 2, totalRAMUsed: 4096 };
    expect((await user.send('GET', '/limits')).body).toMatchObject({ limits: { absolute: used } });
    expect((await admin.send('GET', `/limits?tenant_id=${user.projectId}`)).body).toMatchObject({ limits: { absolute: used } });
    const { status, body } = await user.send('GET', `/limits?tenant_id=${admin.projectId}`);
    const message = "Policy doesn't allow os_compute_api:limits:other_project to be performed.";
    expect([status, body]).toEqual([403, { forbidden: { code: 403, message } }]);
    expect((await user.send('GET', '/limits?nonsense=1', { microversion: 74 })).status).toBe(200);
    expect((await user.send('GET', '/limits?nonsense=1')).status).toBe(400);
  });
});

describe('availability zones', () => {
  test('are one, without its hosts for a tenant', async () => {
    const user = await cloud.newUser('reader');
    expect((await user.send('GET', '/os-availability-zone')).body).toEqual({
      availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true }, hosts: null }],
    });
    const { status, body } = await user.send('GET', '/os-availability-zone/detail');
    const message = "Policy doesn't allow os_compute_api:os-availability-zone:detail to be performed.";
    expect([status, body]).toEqual([403, { forbidden: { code: 403, message } }]);
  });

  test('show their hosts to an admin', async () => {
    const admin = await cloud.newUser('admin');
    const service = {
      'nova-compute': { available: true, active: true, updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/) },
    };
    expect((await admin.send('GET', '/os-availability-zone/detail')).body).toEqual({
      availabilityZoneInfo: [
        { zoneName: 'nova', zoneState: { available: true }, hosts: { 'cell1-host1': service, 'cell1-host2': service } },
      ],
    });
  });
});
