/** The limits resource over HTTP. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';

interface LimitsBody {
  limits: { rate: unknown[]; absolute: Record<string, number> };
}

let cloud: Cloud;
let user: User;
beforeAll(async () => {
  cloud = await startCloud();
  user = await cloud.newUser();
});
afterAll(() => cloud?.stop());

const limits = (who: User, search = '', microversion = 100) => who.send<LimitsBody>('GET', `/limits${search}`, { microversion });

const always = {
  ...{ maxTotalInstances: 10, maxTotalCores: 20, maxTotalRAMSize: 51_200, maxServerMeta: 128, maxTotalKeypairs: 100 },
  ...{ maxServerGroups: 10, maxServerGroupMembers: 10 },
  ...{ totalInstancesUsed: 0, totalCoresUsed: 0, totalRAMUsed: 0, totalServerGroupsUsed: 0 },
};
const files = { maxPersonality: 5, maxPersonalitySize: 10_240 };
const images = { maxImageMeta: 128 };
const networks = {
  ...{ maxSecurityGroups: -1, maxSecurityGroupRules: -1, maxTotalFloatingIps: -1, totalSecurityGroupsUsed: 0, totalFloatingIpsUsed: 0 },
};

test.each([
  [1, { ...always, ...files, ...images, ...networks }],
  [35, { ...always, ...files, ...images, ...networks }],
  [36, { ...always, ...files, ...images }],
  [38, { ...always, ...files, ...images }],
  [39, { ...always, ...files }],
  [56, { ...always, ...files }],
  [57, always],
  [100, always],
])('the keys are those of 2.%i', async (microversion, absolute) => {
  expect(await limits(user, '', microversion)).toMatchObject({ status: 200 });
  expect((await limits(user, '', microversion)).body).toEqual({ limits: { rate: [], absolute } });
});

test('what is used is shown with one call of the database', async () => {
  const owner = await cloud.newUser();
  await owner.send('POST', '/os-server-groups', { body: { server_group: { name: 'group', policy: 'affinity' } } });
  const id = await owner.boot();
  await owner.settled(id);
  await cloud.service.workflow.drain();
  const mark = cloud.service.dataApi.calls.mark();
  const { body } = await limits(owner);
  expect(cloud.service.dataApi.calls.since(mark)).toHaveLength(1);
  expect(body.limits.absolute).toMatchObject({ totalInstancesUsed: 1, totalCoresUsed: 1, totalRAMUsed: 512, totalServerGroupsUsed: 1 });
  await owner.send('DELETE', `/servers/${id}`);
  expect((await limits(owner)).body.limits.absolute).toMatchObject({ totalInstancesUsed: 0, totalCoresUsed: 0, totalRAMUsed: 0 });
});

test('an admin asks for another project', async () => {
  const [owner, admin] = [await cloud.newUser(), await cloud.newUser('admin')];
  await owner.send('POST', '/os-server-groups', { body: { server_group: { name: 'group', policy: 'affinity' } } });
  const search = `?tenant_id=${owner.projectId}`;
  expect((await limits(admin, search)).body.limits.absolute.totalServerGroupsUsed).toBe(1);
  expect((await limits(admin)).body.limits.absolute.totalServerGroupsUsed).toBe(0);
  expect(await limits(owner, search)).toMatchObject({
    status: 403,
    body: { forbidden: { message: "Policy doesn't allow os_compute_api:limits:other_project to be performed." } },
  });
});

test('unknown parameters are refused from 2.75 on', async () => {
  expect((await limits(user, '?colour=red', 74)).status).toBe(200);
  expect((await limits(user, '?colour=red', 75)).status).toBe(400);
});
