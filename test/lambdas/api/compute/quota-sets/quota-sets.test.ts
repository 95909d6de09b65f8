/** Quota sets over HTTP. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureProject } from '../../../../../database/api/projects.ts';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { slowInserts } from '../../../../fixtures/slow-inserts.ts';

interface QuotaBody {
  quota_set: Record<string, unknown>;
  quota_class_set: Record<string, unknown>;
  [name: string]: Record<string, unknown>;
}

const common = { instances: 10, cores: 20, ram: 51_200, metadata_items: 128, key_pairs: 100, server_groups: 10, server_group_members: 10 };
const files = { injected_files: 5, injected_file_content_bytes: 10_240, injected_file_path_bytes: 255 };
const networks = { fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1 };
const at = (microversion: number) => ({ ...common, ...(microversion < 57 ? files : {}), ...(microversion < 36 ? networks : {}) });

let cloud: Cloud;
let user: User;
/** An admin in the project of the user. */
let boss: User;
beforeAll(async () => {
  cloud = await startCloud();
  user = await cloud.newUser();
  boss = await cloud.newUser('admin', user.projectId);
});
afterAll(() => cloud?.stop());

const path = (who: User, rest = '') => `/os-quota-sets/${who.projectId}${rest}`;
const get = async (who: User, rest = '', microversion = 100) => {
  const { status, body } = await who.send<QuotaBody>('GET', path(who, rest), { microversion });
  expect(status).toBe(200);
  return body.quota_set;
};
const put = (who: User, quota_set: object, search = '', microversion = 100) =>
  who.send<QuotaBody>('PUT', path(who, search), { body: { quota_set }, microversion });

test.each([1, 35, 36, 56, 57, 100])('bodies are those of 2.%i', async (microversion) => {
  const id = user.projectId;
  const limits = at(microversion);
  expect(await get(user, '', microversion)).toEqual({ id, ...limits });
  expect(await get(user, '/defaults', microversion)).toEqual({ id, ...limits });
  const details = Object.entries(limits).map(([name, limit]) => [name, { limit, in_use: 0, reserved: 0 }]);
  expect(await get(user, '/detail', microversion)).toEqual({ id, ...Object.fromEntries(details) });
  expect((await put(boss, { cores: 20 }, '', microversion)).body.quota_set).toEqual(limits);
});

test('what a project has of its own comes before the defaults, until it is taken away', async () => {
  const { status, body } = await put(boss, { cores: 30, ram: '-1', metadata_items: '7', injected_files: 1 }, '', 56);
  expect(status).toBe(200);
  const changed = { ...at(56), cores: 30, ram: -1, metadata_items: 7, injected_files: 1 };
  expect(body.quota_set).toEqual(changed);
  expect(await get(user, '', 56)).toEqual({ id: user.projectId, ...changed });
  expect(await get(user, '/defaults', 56)).toEqual({ id: user.projectId, ...at(56) });
  const limits = await user.send<{ limits: { absolute: object } }>('GET', '/limits');
  expect(limits.body.limits.absolute).toMatchObject({ maxTotalCores: 30, maxTotalRAMSize: -1, maxServerMeta: 7 });
  expect((await boss.send('DELETE', path(boss))).status).toBe(202);
  expect((await boss.send('DELETE', path(boss))).status).toBe(202);
  expect(await get(user, '', 56)).toEqual({ id: user.projectId, ...at(56) });
});

test('use is shown, and no limit is set below it unless it must be', async () => {
  const owner = await cloud.newUser();
  const admin = await cloud.newUser('admin', owner.projectId);
  const id = await owner.boot();
  await owner.send('POST', '/os-server-groups', { body: { server_group: { name: 'group', policy: 'affinity' } } });
  expect(await get(owner, '/detail')).toMatchObject({
    instances: { limit: 10, in_use: 1, reserved: 0 },
    cores: { limit: 20, in_use: 1, reserved: 0 },
    ram: { limit: 51_200, in_use: 512, reserved: 0 },
    server_groups: { limit: 10, in_use: 1, reserved: 0 },
    server_group_members: { limit: 10, in_use: 0, reserved: 0 },
  });
  for (const [resource, limit, used] of [
    ['instances', 0, 1],
    ['ram', 511, 512],
    ['server_groups', 0, 1],
  ] as const) {
    expect(await put(admin, { [resource]: limit, key_pairs: 3 })).toMatchObject({
      status: 400,
      body: {
        badRequest: {
          message: `Quota limit ${limit} for ${resource} must be greater than or equal to already used and reserved ${used}.`,
        },
      },
    });
  }
  expect(await get(owner), 'nothing was changed').toEqual({ id: owner.projectId, ...at(100) });
  expect((await put(admin, { instances: 1, cores: -1, server_groups: 1 })).status).toBe(200);
  expect((await put(admin, { instances: 0, ram: 0, force: true })).status).toBe(200);
  expect(await get(owner)).toMatchObject({ instances: 0, cores: -1, ram: 0, server_groups: 1 });
  const refused = await owner.send<QuotaBody>('POST', '/servers', {
    body: { server: { name: 'one', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' } },
  });
  expect(refused.status).toBe(403);
  await owner.send('DELETE', `/servers/${id}`);
});

test.each([
  ['cores', { cores: -2 }, '-2 is less than the minimum of -1'],
  ['cores', { cores: 2_147_483_648 }, '2147483648 is greater than the maximum of 2147483647'],
  ['cores', { cores: '1.5' }, "'1.5' does not match '^-?[0-9]+$'"],
  ['cores', { cores: null }, "None is not of type 'integer', 'string'"],
  ['cores', { cores: 1.5 }, "1.5 is not of type 'integer', 'string'"],
  ['quota_set', { floating_ips: 1 }, "Additional properties are not allowed ('floating_ips' was unexpected)"],
  ['quota_set', { colour: 1 }, "Additional properties are not allowed ('colour' was unexpected)"],
])('a wrong %s is refused: %j', async (field, quotas, why) => {
  const { status, body } = await put(boss, quotas);
  expect(status).toBe(400);
  expect(body.badRequest?.message).toMatch(new RegExp(`^Invalid input for field/attribute ${field}\\. Value: `));
  expect(body.badRequest?.message).toContain(why);
});

test('only an admin changes limits, and looks at those of other projects', async () => {
  expect((await put(user, { cores: 1 })).status).toBe(403);
  expect((await user.send('DELETE', path(user))).status).toBe(403);
  const other = await cloud.newUser();
  for (const [rule, rest] of [
    ['show', ''],
    ['detail', '/detail'],
  ]) {
    expect(await user.send('GET', path(other, rest))).toMatchObject({
      status: 403,
      body: { forbidden: { message: `Policy doesn't allow os_compute_api:os-quota-sets:${rule} to be performed.` } },
    });
  }
});

test('an admin reaches any project that exists', async () => {
  const admin = await cloud.newUser('admin');
  const id = await ensureProject(cloud.service.api, { name: randomBytes(4).toString('hex') });
  const change = await admin.send<QuotaBody>('PUT', `/os-quota-sets/${id}`, { body: { quota_set: { cores: 1 } } });
  expect(change.body.quota_set.cores).toBe(1);
  expect((await admin.send<QuotaBody>('GET', `/os-quota-sets/${id}`)).body.quota_set).toMatchObject({ id, cores: 1 });
  for (const [method, body] of [
    ['GET', undefined],
    ['PUT', { quota_set: { cores: 1 } }],
  ] as const) {
    expect(await admin.send(method, '/os-quota-sets/nowhere', body && { body })).toMatchObject({
      status: 400,
      body: { badRequest: { message: 'Project ID nowhere is not a valid project.' } },
    });
  }
});

test('users have the limits of their project and no others', async () => {
  expect(await get(user, `?user_id=${user.userId}`)).toEqual({ id: user.projectId, ...at(100) });
  expect((await put(boss, { cores: 1 }, `?user_id=${user.userId}`)).status).toBe(400);
  expect((await boss.send('DELETE', path(boss, `?user_id=${user.userId}`))).status).toBe(202);
  expect(await get(user)).toEqual({ id: user.projectId, ...at(100) });
});

test.each(['quotas', 'instance_groups'])(
  'a limit that is lowered while it is used up never ends below its use (slow %s)',
  async (table) => {
    const busy = await cloud.newUser();
    const admin = await cloud.newUser('admin', busy.projectId);
    const body = { server_group: { name: 'group', policy: 'affinity' } };
    const create = (after: number) => sleep(after).then(() => busy.send('POST', '/os-server-groups', { body }));
    const calls = () => Promise.all([put(admin, { server_groups: 3 }), ...[0, 10, 20, 30, 40, 50, 60, 70].map(create)]);
    await slowInserts(cloud.database('api'), table, 100, calls);
    const { limit, in_use } = (await get(busy, '/detail')).server_groups as { limit: number; in_use: number };
    expect(in_use).toBe(limit === 3 ? 3 : 8);
  },
);

test('there is one quota class', async () => {
  const show = async (microversion: number) =>
    (await boss.send<QuotaBody>('GET', '/os-quota-class-sets/default', { microversion })).body.quota_class_set;
  const { server_groups, server_group_members, ...old } = common;
  expect(await show(49)).toEqual({ id: 'default', ...old, ...files, ...networks });
  expect(await show(50)).toEqual({ id: 'default', ...common, ...files });
  expect(await show(57)).toEqual({ id: 'default', ...common });
  expect((await user.send('GET', '/os-quota-class-sets/default')).status).toBe(403);
});
