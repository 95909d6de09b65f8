import { afterAll, beforeAll, expect, test } from 'vitest';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, type ServerBody, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { bootAndDelete, missing, type ProbedServer, probeDuring, widenWindows } from '../../fixtures/traffic.ts';

interface Buried {
  uuid: string;
  host: string | null;
  node: string | null;
  vm_state: string;
  task_state: string | null;
  launched_at: string | null;
  faults: number;
  message: string;
}

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

/** Returns what in cell0 has no business there. */
async function inspect(unschedulable: Set<string> | undefined): Promise<string[]> {
  const rows = await query<Buried>(
    cloud.database('cell0'),
    `select i.uuid, i.host, i.node, i.vm_state, i.task_state, i.launched_at, count(f.id)::int as faults, min(f.message) as message
     from instances i left join instance_faults f on f.instance_uuid = i.uuid where i.deleted = 0 group by i.id`,
  );
  const claims = await query<{ uuid: string }>(cloud.service.api, 'select distinct consumer_id as uuid from allocations');
  const claimed = new Set(claims.map(({ uuid }) => uuid));
  return rows.flatMap(({ uuid, faults, message, vm_state, ...empty }) => [
    ...(vm_state === 'error' ? [] : [`${uuid} is ${vm_state}`]),
    ...(faults === 1 && message.startsWith('No valid host was found. ') ? [] : [`${uuid} has ${faults} faults: ${message}`]),
    ...(Object.values(empty).every((value) => value === null) ? [] : [`${uuid} has ${JSON.stringify(empty)}`]),
    ...(claimed.has(uuid) ? [`${uuid} has a claim`] : []),
    ...(!unschedulable || unschedulable.has(uuid) ? [] : [`${uuid} had a host`]),
  ]);
}

test('cell0 holds the unschedulable and nothing else, on the ordinary path', async () => {
  const tooLarge = await cloud.newFlavor({ disk: 10_000 });
  const users = await Promise.all(Array.from({ length: 3 }, () => cloud.newUser()));
  widenWindows(cloud);
  const traffic = users.map((user) => bootAndDelete(cloud, user, tooLarge, new Map<string, ProbedServer>(), 12));
  expect(await probeDuring(Promise.all(traffic), [() => inspect(undefined)])).toEqual([]);
  // A server that was deleted while it was buried leaves a row that nobody sees, until the reaper comes.
  await comeToRest(cloud.service);

  const unschedulable = new Set<string>();
  for (const user of users) {
    const { body } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail');
    for (const server of body.servers) {
      expect(missing(server), server.id).toEqual([]);
      const large = (server.flavor as { disk: number }).disk === 10_000;
      expect(server.status, server.id).toBe(large ? 'ERROR' : 'ACTIVE');
      if (large) unschedulable.add(server.id);
    }
  }
  expect(unschedulable.size).toBeGreaterThan(0);
  expect(await inspect(unschedulable)).toEqual([]);
  const [{ count } = { count: -1 }] = await query<{ count: number }>(
    cloud.database('cell0'),
    'select count(*)::int as count from instances where deleted = 0',
  );
  expect(count).toBe(unschedulable.size);

  for (const user of users) {
    const { body } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail?status=ERROR');
    for (const { id } of body.servers) {
      expect((await user.send('GET', `/servers/${id}`)).status).toBe(200);
      expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
      expect((await user.send('GET', `/servers/${id}`)).status).toBe(404);
    }
    expect((await user.send('GET', '/servers?status=ERROR')).body).toEqual({ servers: [] });
  }
  expect(await inspect(new Set())).toEqual([]);
});

test('a request of which one server finds no host goes there whole, and claims nothing', async () => {
  const user = await cloud.newUser();
  // Each of the four hosts has the capacity for one of them.
  const half = await cloud.newFlavor({ disk: 300 });
  const first = await user.boot({ flavorRef: half, min_count: 5, max_count: 5 });
  await user.settled(first);
  await cloud.service.workflow.drain();
  const { body } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail');
  expect(body.servers).toHaveLength(5);
  for (const { status, fault } of body.servers) {
    expect([status, fault?.message]).toEqual(['ERROR', 'No valid host was found. There are not enough hosts available.']);
  }
  expect(await inspect(new Set(body.servers.map(({ id }) => id)))).toEqual([]);
});
