import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type Reply, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let tooLarge: string;
beforeAll(async () => {
  cloud = await startCloud();
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
});
afterAll(() => cloud?.stop());

const notFound = (id: string) => [404, { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } }];

async function answer(reply: Promise<Reply<unknown>>) {
  const { status, body } = await reply;
  return [status, body];
}

async function used(user: User): Promise<number | undefined> {
  const { body } = await user.send<{ limits: { absolute: Record<string, number> } }>('GET', '/limits');
  return body.limits.absolute.totalInstancesUsed;
}

async function allocations(id: string): Promise<number> {
  return (await query(cloud.service.api, 'select 1 from allocations where consumer_id = :id::uuid', { id })).length;
}

describe.each(['on a host', 'in cell0', 'being built'])('a server %s', (where) => {
  const boot = async (user: User) => {
    const id = await user.boot(where === 'in cell0' ? { flavorRef: tooLarge } : {});
    if (where !== 'being built') await user.settled(id);
    return id;
  };

  test('is gone for good, with its quota and its claim', async () => {
    const user = await cloud.newUser();
    const id = await boot(user);
    expect(await used(user)).toBe(1);
    expect(await answer(user.send('DELETE', `/servers/${id}`))).toEqual([204, undefined]);
    expect(await answer(user.send('GET', `/servers/${id}`))).toEqual(notFound(id));
    expect(await answer(user.send('DELETE', `/servers/${id}`))).toEqual(notFound(id));
    expect((await user.send('GET', '/servers/detail')).body).toEqual({ servers: [] });
    await cloud.service.workflow.drain();
    expect(await answer(user.send('GET', `/servers/${id}`))).toEqual(notFound(id));
    expect([await used(user), await allocations(id)]).toEqual([0, 0]);
  });

  test('is deleted once by many at a time', async () => {
    const user = await cloud.newUser();
    const id = await boot(user);
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await user.send('DELETE', `/servers/${id}`)).status));
    expect(statuses).toContain(204);
    expect(statuses.every((status) => status === 204 || status === 404)).toBe(true);
    await cloud.service.workflow.drain();
    expect([await used(user), await allocations(id)]).toEqual([0, 0]);
  });

  test('is not deleted by a stranger or a reader', async () => {
    const user = await cloud.newUser();
    const id = await boot(user);
    const stranger = await cloud.newUser();
    const reader = await cloud.newUser('reader', user.projectId);
    expect(await answer(stranger.send('DELETE', `/servers/${id}`))).toEqual(notFound(id));
    expect((await reader.send('DELETE', `/servers/${id}`)).status).toBe(403);
    expect((await user.send('GET', `/servers/${id}`)).status).toBe(200);
  });

  test('is deleted by an admin of another project', async () => {
    const user = await cloud.newUser();
    const id = await boot(user);
    const admin = await cloud.newUser('admin');
    expect((await admin.send('DELETE', `/servers/${id}`)).status).toBe(204);
    expect((await user.send('GET', `/servers/${id}`)).status).toBe(404);
    expect(await used(user)).toBe(0);
  });
});

describe('a deleted server', () => {
  test.each(['on a host', 'in cell0'])('that was %s is listed to admins who ask for deleted ones', async (where) => {
    const user = await cloud.newUser();
    const admin = await cloud.newUser('admin', user.projectId);
    const id = await user.boot(where === 'in cell0' ? { flavorRef: tooLarge } : {});
    await user.settled(id);
    await user.send('DELETE', `/servers/${id}`);
    for (const asked of ['deleted=True', 'status=DELETED', `deleted=1&all_tenants=1&tenant_id=${user.projectId}`]) {
      const { body } = await admin.send<{ servers: ServerBody[] }>('GET', `/servers/detail?${asked}`);
      expect(body.servers, asked).toEqual([
        expect.objectContaining({
          id,
          status: 'DELETED',
          'OS-EXT-STS:vm_state': 'deleted',
          'OS-SRV-USG:terminated_at': expect.stringMatching(/^.*T.*\.\d{6}$/),
        }),
      ]);
      expect(body.servers[0]).not.toHaveProperty('fault');
    }
  });

  test('that never had a cell is listed to nobody', async () => {
    const admin = await cloud.newUser('admin');
    const slow = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 1_000, sql: 'inventories' });
    const id = await admin.boot();
    expect((await admin.send('DELETE', `/servers/${id}`)).status).toBe(204);
    slow.lift();
    await cloud.service.workflow.drain();
    expect((await admin.send('GET', '/servers/detail?deleted=True')).body).toEqual({ servers: [] });
  });

  test('keeps its actions, shown since 2.21', async () => {
    const user = await cloud.newUser();
    const id = await user.boot();
    await user.settled(id);
    await user.send('DELETE', `/servers/${id}`);
    const { body } = await user.send<{ instanceActions: { action: string }[] }>('GET', `/servers/${id}/os-instance-actions`);
    expect(body.instanceActions.map(({ action }) => action)).toEqual(['delete', 'create']);
    expect((await user.send('GET', `/servers/${id}/os-instance-actions`, { microversion: 20 })).status).toBe(404);
  });
});

test('a locked server is deleted by an admin only', async () => {
  const user = await cloud.newUser();
  const id = await user.boot({ flavorRef: tooLarge });
  await user.settled(id);
  await query(cloud.database('cell0'), 'update instances set locked = true where uuid = :id::uuid', { id });
  expect(await answer(user.send('DELETE', `/servers/${id}`))).toEqual([
    409,
    { conflictingRequest: { code: 409, message: `Instance ${id} is locked` } },
  ]);
  expect((await user.send('GET', `/servers/${id}`)).status).toBe(200);
  const admin = await cloud.newUser('admin');
  expect((await admin.send('DELETE', `/servers/${id}`)).status).toBe(204);
});
