/** Deletes that can be undone: what clients see of them, and what they hold until they end. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { audit } from '../../../../../compute/audit/audit.ts';
import { noFailures, simulatedDriver } from '../../../../../compute/hosts/drivers/simulated.ts';
import { reap } from '../../../../../compute/reaper/reap.ts';
import { defaultSettings } from '../../../../../compute/settings.ts';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type Json, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { comeToRest } from '../../../../fixtures/rest.ts';

const week = 604_800;
let cloud: Cloud;
let user: User;
let admin: User;
let id: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4 });
});
afterAll(() => cloud?.stop());
beforeEach(async () => {
  vi.stubEnv('SETTINGS', JSON.stringify({ reclaim_instance_interval: week }));
  user = await cloud.newUser();
  admin = await cloud.newUser('admin');
  id = await user.boot();
  await user.settled(id);
  await cloud.service.workflow.drain();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  delete process.env.SIMULATION;
  await comeToRest(cloud.service);
  const { findings } = await audit(cloud.service.api, { settled: true });
  expect(findings).toEqual([]);
});

const remove = async (who = user) => (await who.send('DELETE', `/servers/${id}`)).status;
const act = async (name: string, who = user, body: object = { [name]: null }) => {
  const { status, body: answer } = await who.send<Json | undefined>('POST', `/servers/${id}/action`, { body });
  return [status, answer];
};
const status = async () => (await user.send<{ server: Json }>('GET', `/servers/${id}`)).body.server?.status;
const listed = async (search = '', who = user) => {
  const { body } = await who.send<{ servers: { id: string }[] }>('GET', `/servers${search}`);
  return body.servers.map((server) => server.id);
};
const used = async () => {
  const [row] = await query<Json>(cloud.service.api, 'select instances, cores, ram from quota_usages where project_id = :id', {
    id: user.projectId,
  });
  return row;
};
const one = { instances: 1, cores: 1, ram: 512 };
const none = { instances: 0, cores: 0, ram: 0 };
const allocations = async () =>
  (await query(cloud.service.api, 'select 1 as one from allocations where consumer_id = :id::uuid', { id })).length;
const notes = async () =>
  query<{ due: number }>(
    cloud.service.api,
    'select extract(epoch from due_at - now())::float8 as due from pending_cleanups where instance_uuid = :id::uuid',
    { id },
  );
const conflict = (message: string) => [409, { conflictingRequest: { code: 409, message } }];
const forbidden = (message: string) => [403, { forbidden: { code: 403, message } }];
const limit = async (instances: number) => {
  const parameters = { project: user.projectId, instances };
  await query(
    cloud.service.api,
    `insert into quotas (project_id, resource, hard_limit) values (:project, 'instances', :instances)`,
    parameters,
  );
};
const runReaper = (interval = week) =>
  reap({
    ...{ api: cloud.service.api, driver: simulatedDriver(noFailures), startBoot: async () => undefined, silence: 0 },
    settings: { ...defaultSettings, reclaim_instance_interval: interval },
  });
/** Lets time pass for the server's cell. */
const age = (seconds: number) =>
  query(cloud.database('cell1'), 'update instances set deleted_at = deleted_at - make_interval(secs => :seconds) where uuid = :id::uuid', {
    id,
    seconds,
  });
/** Lets the reaper look at everything that is noted. */
const due = () => query(cloud.service.api, 'update pending_cleanups set due_at = now()');

test('a deleted server is shown by its id, not listed, and holds its place and no quota', async () => {
  expect(await remove()).toBe(204);
  const { body } = await user.send<{ server: Json }>('GET', `/servers/${id}`);
  expect(body.server).toMatchObject({
    status: 'SOFT_DELETED',
    'OS-EXT-STS:vm_state': 'soft-delete',
    'OS-EXT-STS:task_state': null,
    'OS-EXT-STS:power_state': 4,
  });
  expect([await listed(), await listed('/detail?sort_key=display_name')]).toEqual([[], []]);
  expect(await listed('?status=SOFT_DELETED')).toEqual([]);
  expect(await listed('?changes-since=2020-01-01T00:00:00Z')).toEqual([id]);
  const all = `?all_tenants=1&tenant_id=${user.projectId}`;
  expect([await listed(all, admin), await listed(`${all}&deleted=true`, admin)]).toEqual([[], [id]]);
  expect([await used(), await allocations()]).toEqual([none, 3]);
  const actions = await user.send<{ instanceActions: Json[] }>('GET', `/servers/${id}/os-instance-actions`);
  expect(actions.body.instanceActions[0]).toMatchObject({ action: 'delete', message: null });
  expect(await act('pause')).toEqual(conflict(`Cannot 'pause' instance ${id} while it is in vm_state soft-delete`));
});

test('it is restored', async () => {
  await remove();
  expect(await act('restore')).toEqual([202, undefined]);
  expect([await status(), await listed(), await used(), await allocations()]).toEqual(['ACTIVE', [id], one, 3]);
  const actions = await user.send<{ instanceActions: Json[] }>('GET', `/servers/${id}/os-instance-actions`);
  expect(actions.body.instanceActions[0]).toMatchObject({ action: 'restore', message: null });
  expect(await act('restore')).toEqual(conflict(`Cannot 'restore' instance ${id} while it is in vm_state active`));
  expect(await used()).toEqual(one);
});

test('it is not restored beyond a limit, which is said after what the server itself refuses', async () => {
  await limit(1);
  const exceeded = forbidden('Quota exceeded for instances: Requested 1, but already used 1 of 1 instances');
  await remove();
  const other = await user.boot();
  await user.settled(other);
  expect(await act('restore')).toEqual(exceeded);
  await act('lock', admin);
  expect(await act('restore')).toEqual(conflict(`Instance ${id} is in an invalid state for 'restore'`));
  expect(await act('restore', admin)).toEqual(exceeded);
  await act('unlock', admin);
  expect([await status(), await used()]).toEqual(['SOFT_DELETED', one]);
  await user.send('POST', `/servers/${other}/action`, { body: { forceDelete: null } });
  expect(await act('restore')).toEqual([202, undefined]);
  expect(await used()).toEqual(one);
});

test('of several that are restored at once, no more are than the quota allows', async () => {
  await remove();
  const ids = [id];
  for (let server = 0; server < 3; server++) {
    id = await user.boot();
    await user.settled(id);
    await remove();
    ids.push(id);
  }
  await limit(2);
  const answers = await Promise.all(ids.map((each) => user.send('POST', `/servers/${each}/action`, { body: { restore: null } })));
  expect(answers.map((answer) => answer.status).toSorted()).toEqual([202, 202, 403, 403]);
  expect([(await listed()).length, await used()]).toEqual([2, { instances: 2, cores: 2, ram: 1_024 }]);
});

test('a locked one refuses, and what a refused restore took of the quota is returned', async () => {
  await act('lock');
  expect(await remove()).toBe(409);
  await act('unlock');
  await remove();
  await act('lock', admin);
  expect(await act('restore')).toEqual(conflict(`Instance ${id} is in an invalid state for 'restore'`));
  expect(await used()).toEqual(none);
  expect((await act('forceDelete'))[0]).toBe(409);
  expect((await act('forceDelete', admin))[0]).toBe(202);
});

test('deleted by force it is gone at once, and an admin may reset its state, which counts', async () => {
  await limit(0);
  await remove();
  expect((await act('os-resetState', admin, { 'os-resetState': { state: 'error' } }))[0]).toBe(202);
  expect([await status(), await listed(), await used()]).toEqual(['ERROR', [id], one]);
  await remove();
  expect([await status(), await used()]).toEqual(['SOFT_DELETED', none]);
  expect(await act('forceDelete')).toEqual([202, undefined]);
  expect([await status(), await used(), await allocations(), await notes()]).toEqual([undefined, none, 0, []]);
});

test('what was never launched, or has no host, is deleted at once', async () => {
  const buried = await user.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  await user.settled(buried);
  process.env.SIMULATION = JSON.stringify({ failureChance: 1 });
  const failed = await user.boot();
  await user.settled(failed);
  await cloud.service.workflow.drain();
  process.env.SIMULATION = JSON.stringify({ reportAfter: 0, lostChance: 1 });
  const building = await user.boot();
  await cloud.service.workflow.drain();
  delete process.env.SIMULATION;
  for (const server of [buried, failed, building]) {
    expect((await user.send('DELETE', `/servers/${server}`)).status).toBe(204);
    expect((await user.send('GET', `/servers/${server}`)).status).toBe(404);
  }
  expect(await used()).toEqual(one);
});

test('what two hosts may have is deleted at once', async () => {
  const moved = await user.boot();
  await user.settled(moved);
  expect((await user.send('POST', `/servers/${moved}/action`, { body: { resize: { flavorRef: '2' } } })).status).toBe(202);
  expect((await user.send('DELETE', `/servers/${moved}`)).status).toBe(204);
  expect((await user.send('GET', `/servers/${moved}`)).status).toBe(404);
  expect(await used()).toEqual(one);
});

describe('the reaper', () => {
  test('deletes it when the interval is over, not before, whatever the interval was when it was deleted', async () => {
    await remove();
    expect((await notes())[0]?.due).toBeCloseTo(week, -1);
    await due();
    await runReaper();
    expect(await status()).toBe('SOFT_DELETED');
    expect((await notes())[0]?.due).toBeCloseTo(week, -1);
    await age(100);
    await due();
    await runReaper(200);
    expect(await status()).toBe('SOFT_DELETED');
    expect((await notes())[0]?.due).toBeCloseTo(100, -1);
    await due();
    expect(await runReaper(0), 'reclaims nothing without an interval').toMatchObject({ released: 0 });
    expect(await status()).toBe('SOFT_DELETED');
    expect((await notes())[0]?.due).toBeCloseTo(86_400, -1);
    await due();
    expect(await runReaper(100)).toMatchObject({ released: 1 });
    expect([await status(), await used(), await allocations(), await notes()]).toEqual([undefined, none, 0, []]);
  });

  test('deletes a locked one too, and begins to count again when it is deleted again', async () => {
    await remove();
    await age(2 * week);
    expect(await remove()).toBe(204);
    await due();
    await runReaper();
    expect(await status()).toBe('SOFT_DELETED');
    await act('lock', admin);
    await age(week);
    await due();
    await runReaper();
    expect(await status()).toBeUndefined();
  });

  test('leaves one alone that is being restored, and its quota', async () => {
    await remove();
    process.env.SIMULATION = JSON.stringify({ reportAfter: 1 });
    await act('restore');
    await age(2 * week);
    await due();
    await runReaper();
    expect([await status(), await used()]).toEqual(['SOFT_DELETED', one]);
    await user.settled(id);
    expect([await status(), await used()]).toEqual(['ACTIVE', one]);
  });
});

describe('on a host that reports later', () => {
  test('the server is what it was until the host has reported, and so is its quota', async () => {
    process.env.SIMULATION = JSON.stringify({ reportAfter: 1, doubledReports: true });
    expect(await remove()).toBe(204);
    expect([await status(), await listed(), await used()]).toEqual(['ACTIVE', [id], one]);
    expect(await remove(), 'what is deleted already').toBe(204);
    expect(await act('restore')).toEqual(conflict(`Cannot 'restore' instance ${id} while it is in vm_state active`));
    await expect.poll(status, { timeout: 5_000 }).toBe('SOFT_DELETED');
    // The refused restore was noted since, so the reaper settles the quota.
    await due();
    await runReaper();
    expect(await used()).toEqual(none);
    await act('restore');
    await expect.poll(status, { timeout: 5_000 }).toBe('ACTIVE');
    expect(await used()).toEqual(one);
  });

  test('the quota is returned with the report, and the end is noted', async () => {
    process.env.SIMULATION = JSON.stringify({ reportAfter: 1 });
    await remove();
    await expect.poll(used, { timeout: 5_000 }).toEqual(none);
    expect((await notes())[0]?.due).toBeCloseTo(week, -1);
  });

  test('one that the host could not soft-delete lives on; one that it could not restore holds no quota', async () => {
    process.env.SIMULATION = JSON.stringify({ failingOperations: ['soft_delete', 'restore'] });
    expect(await remove()).toBe(204);
    expect([await status(), await listed(), await used()]).toEqual(['ACTIVE', [id], one]);
    delete process.env.SIMULATION;
    await remove();
    process.env.SIMULATION = JSON.stringify({ failingOperations: ['restore'] });
    expect(await act('restore')).toEqual([202, undefined]);
    expect([await status(), await used()]).toEqual(['SOFT_DELETED', none]);
    expect((await notes())[0]?.due).toBeCloseTo(week, -1);
  });
});

test('a server that is not there, or of another project, is not restored', async () => {
  await remove();
  const stranger = await cloud.newUser();
  for (const [who, server] of [
    [stranger, id],
    [user, randomUUID()],
  ] as const) {
    expect((await who.send('POST', `/servers/${server}/action`, { body: { restore: null } })).status).toBe(404);
  }
  expect([await status(), await used()]).toEqual(['SOFT_DELETED', none]);
});
