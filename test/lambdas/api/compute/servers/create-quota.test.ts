/** What quota leaves of a boot. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { names, post } from './boots.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

async function setLimit(user: User, resource: string, limit: number): Promise<void> {
  await query(
    cloud.service.api,
    `insert into quotas (project_id, resource, hard_limit) values (:project, :resource, :limit::int)
     on conflict (project_id, resource) do update set hard_limit = excluded.hard_limit`,
    { project: user.projectId, resource, limit },
  );
}

async function quotaUse(user: User) {
  const { body } = await user.send<{ limits: { absolute: Record<string, number> } }>('GET', '/limits');
  const { totalInstancesUsed, totalCoresUsed, totalRAMUsed } = body.limits.absolute;
  return [totalInstancesUsed, totalCoresUsed, totalRAMUsed];
}

describe('quota', () => {
  test('allows fewer servers than the most asked for, when it allows the least', async () => {
    const user = await cloud.newUser();
    await setLimit(user, 'cores', 3);
    const { status } = await post(user, { min_count: 2, max_count: 1e15 });
    expect(status).toBe(202);
    expect(await names(user)).toEqual(['one-1', 'one-2', 'one-3']);
    expect(await quotaUse(user)).toEqual([3, 3, 1536]);
  });

  test('that leaves one allows one, under its own name', async () => {
    const user = await cloud.newUser();
    await setLimit(user, 'instances', 1);
    await post(user, { max_count: 5 });
    expect(await names(user)).toEqual(['one']);
  });

  test.each([
    [{ min_count: 11 }, 'Quota exceeded for instances: Requested 11, but already used 0 of 10 instances'],
    [
      { min_count: 600 },
      'Quota exceeded for cores, instances, ram: Requested 600, 600, 307200, but already used 0, 0, 0 of 20, 10, 51200 cores, instances, ram',
    ],
    [
      { min_count: 11, max_count: 21 },
      'Quota exceeded for cores, instances: Requested 21, 11-21, but already used 0, 0 of 20, 10 cores, instances',
    ],
    [{ min_count: 4, flavorRef: '5' }, 'Quota exceeded for cores, ram: Requested 32, 65536, but already used 0, 0 of 20, 51200 cores, ram'],
  ])('refuses %j', async (asked, message) => {
    const user = await cloud.newUser();
    const { status, body } = await post(user, asked);
    expect([status, body]).toEqual([403, { forbidden: { code: 403, message } }]);
    expect(await names(user)).toEqual([]);
    expect(await quotaUse(user)).toEqual([0, 0, 0]);
  });

  test('counts what is there already', async () => {
    const user = await cloud.newUser();
    await post(user, { min_count: 10 });
    const { status, body } = await post(user, {});
    expect([status, body]).toEqual([
      403,
      { forbidden: { code: 403, message: 'Quota exceeded for instances: Requested 1, but already used 10 of 10 instances' } },
    ]);
  });

  test('of -1 is none; then one request still has its bound', async () => {
    const user = await cloud.newUser();
    for (const resource of ['instances', 'cores', 'ram']) await setLimit(user, resource, -1);
    expect((await post(user, { min_count: 11 })).status).toBe(202);
    expect(await quotaUse(user)).toEqual([11, 11, 5632]);
    expect((await post(user, { min_count: 501 })).body).toEqual({ badRequest: { code: 400, message: 'min_count must be <= 500' } });
  });

  test.each([
    ['metadata_items', 'Maximum number of metadata items exceeds 1'],
    ['injected_files', 'Personality file limit exceeded'],
    ['injected_file_path_bytes', 'Personality file path exceeds maximum 1'],
    ['injected_file_content_bytes', 'Personality file content exceeds maximum 1'],
  ])('of %s that a project has of its own holds, and none of -1', async (resource, message) => {
    const user = await cloud.newUser();
    const personality = [...'ab'].map((path) => ({ path: `/${path}`, contents: 'A'.repeat(10_000) }));
    const asked = { metadata: { a: '1', b: '2' }, personality };
    await setLimit(user, resource, 1);
    const { status, body } = await post(user, asked, { microversion: 56 });
    expect([status, body]).toEqual([403, { forbidden: { code: 403, message } }]);
    await setLimit(user, resource, 20_000);
    expect((await post(user, asked, { microversion: 56 })).status).toBe(202);
    await setLimit(user, resource, -1);
    expect((await post(user, asked, { microversion: 56 })).status).toBe(202);
  });

  test('of files counts characters, and reports the path before the content', async () => {
    const user = await cloud.newUser();
    await setLimit(user, 'injected_file_path_bytes', 2);
    const file = (path: string, contents: string) => post(user, { personality: [{ path, contents }] }, { microversion: 56 });
    expect((await file('/😀', 'QQ==')).status).toBe(202);
    expect((await file('/ab', 'A'.repeat(10_244))).body).toMatchObject({
      forbidden: { message: 'Personality file path exceeds maximum 2' },
    });
  });

  test('is exact under concurrency', async () => {
    const user = await cloud.newUser();
    const answers = await Promise.all(Array.from({ length: 15 }, () => post(user, {})));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(5);
    expect(await quotaUse(user)).toEqual([10, 10, 5120]);
  });
});
