/** Claims on hosts: exactly what there is, for all servers or none, for the execution that owns them; and the move of a claim whose host failed. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Claim, claim, disabledTrait, moveAllocations } from '../../../../database/api/hosts/allocations.ts';
import type { Group } from '../../../../database/api/scheduler/scheduling-state.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { hostOf, newGroup, sql, unowned } from '../../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());

const [h1, h2, h3] = ['cell1-host1', 'cell1-host2', 'cell1-host3'] as const;
let providers: number[];
beforeEach(async () => {
  await fixture.addHosts({ cells: 1, hosts: 3, vcpus: 8, memory_mb: 4_096, disk_gb: 20 });
  providers = (await sql<{ id: number }>(fixture, 'select id from resource_providers order by name')).map(({ id }) => id);
});

const resources = { VCPU: 2, MEMORY_MB: 512, DISK_GB: 5 };
const on = (host: number, servers: readonly string[], need = resources): Claim[] =>
  servers.map((server) => ({ server, provider: providers[host] ?? 0, resources: need }));
const nothing = <Result>(run: () => Promise<Result>) => changesNothing(fixture.api, run);
const claimed = (server: string) =>
  sql<{ host: string; resource_class: string; used: number }>(
    fixture,
    `select name as host, resource_class, used from allocations a join resource_providers p on p.id = resource_provider_id
     where consumer_id = '${server}' order by resource_class`,
  );
const used = (host: string) =>
  sql<{ used: number }>(fixture, `select used::int from inventories where resource_provider_id = ${hostOf(host)} order by resource_class`);
const failures = () =>
  sql(fixture, 'select p.name as host, builds from build_failures join resource_providers p on p.id = resource_provider_id order by 1');
const whole = (host: string) => [
  { host, resource_class: 'DISK_GB', used: 5 },
  { host, resource_class: 'MEMORY_MB', used: 512 },
  { host, resource_class: 'VCPU', used: 2 },
];

/** The server group as the scheduler read it. */
async function groupOf(uuid: string): Promise<Group> {
  const [row] = await sql<{ id: number; generation: number }>(fixture, `select id, generation from instance_groups where uuid = '${uuid}'`);
  return { id: row?.id ?? 0, name: 'web', policy: 'anti-affinity', mostPerHost: 1, generation: row?.generation ?? 0, placed: 0 };
}

test('a claim takes of each resource what it says, and is a heartbeat of the boot', async () => {
  const { execution, servers } = await fixture.accept(1);
  await fixture.accept(1);
  await query(fixture.api, `update build_requests set updated_at = now() - interval '1 hour'`);
  expect(await claim(fixture.api, execution, on(0, servers), null)).toBe(true);
  expect(await claimed(servers[0] ?? '')).toEqual(whole(h1));
  expect(await used(h1)).toEqual([{ used: 5 }, { used: 512 }, { used: 2 }]);
  expect(await used(h2)).toEqual([{ used: 0 }, { used: 0 }, { used: 0 }]);
  expect(await sql(fixture, `select updated_at > now() - interval '1 minute' as touched from build_requests order by id`)).toEqual([
    { touched: true },
    { touched: false },
  ]);
});

test.each(['VCPU', 'MEMORY_MB', 'DISK_GB'] as const)(
  'a claim takes the last %s of a host, and nothing when one is missing',
  async (resource) => {
    const { execution, servers } = await fixture.accept(2);
    const capacity = (free: number) =>
      query(
        fixture.api,
        `update inventories set used = total - :free where resource_class = :resource and resource_provider_id = ${hostOf(h1)}`,
        { free, resource },
      );
    await capacity(2 * resources[resource] - 1);
    expect(await nothing(() => claim(fixture.api, execution, on(0, servers), null))).toBe(false);
    await capacity(2 * resources[resource]);
    expect(await claim(fixture.api, execution, on(0, servers), null)).toBe(true);
    expect(
      await sql(fixture, `select free::int from inventories where resource_class = '${resource}' and resource_provider_id = ${hostOf(h1)}`),
    ).toEqual([{ free: 0 }]);
  },
);

test('one host without the capacity lets none of the servers claim any', async () => {
  const { execution, servers } = await fixture.accept(2);
  await query(fixture.api, `update inventories set used = total where resource_provider_id = ${hostOf(h2)} and resource_class = 'DISK_GB'`);
  const claims = [...on(0, servers.slice(0, 1)), ...on(1, servers.slice(1))];
  expect(await nothing(() => claim(fixture.api, execution, claims, null))).toBe(false);
});

test.each([
  [
    'its service is disabled',
    () => query(fixture.api, `update resource_providers set traits = array[:disabledTrait] where name = :h1`, { disabledTrait, h1 }),
  ],
  ['its cell is disabled', () => query(fixture.api, 'update cell_mappings set disabled = true')],
  ['it has no cell', () => query(fixture.api, 'delete from host_mappings where host = :h1', { h1 })],
  ['it lacks an inventory', () => query(fixture.api, `delete from inventories where resource_class = 'DISK_GB'`)],
])('nothing is claimed on a host when %s', async (_, change) => {
  const { execution, servers } = await fixture.accept(1);
  await change();
  expect(await nothing(() => claim(fixture.api, execution, on(0, servers), null))).toBe(false);
});

test('a resource that a server has none of is not claimed; that of VCPU says all the same where it is', async () => {
  const { execution, servers } = await fixture.accept(1);
  expect(await claim(fixture.api, execution, on(0, servers, { VCPU: 0, MEMORY_MB: 1, DISK_GB: 0 }), null)).toBe(true);
  expect(await claimed(servers[0] ?? '')).toEqual([
    { host: h1, resource_class: 'MEMORY_MB', used: 1 },
    { host: h1, resource_class: 'VCPU', used: 0 },
  ]);
  const again = () => claim(fixture.api, execution, on(0, servers, { VCPU: 0, MEMORY_MB: 1, DISK_GB: 0 }), null);
  expect(await nothing(again), 'sent twice').toBe(true);
});

test('sent twice at the same time, it claims once, and neither fails', async () => {
  for (let round = 0; round < 3; round++) {
    const { execution, servers } = await fixture.accept(1);
    const sent = Array.from({ length: 3 }, () => claim(fixture.api, execution, on(round, servers), null));
    expect(await Promise.all(sent)).toContain(true);
    expect(await claimed(servers[0] ?? '')).toHaveLength(3);
  }
});

test('a server of another execution claims nothing and hinders nobody', async () => {
  const [mine, other] = [await fixture.accept(1), await fixture.accept(1)];
  expect(await nothing(() => claim(fixture.api, mine.execution, on(0, other.servers), null))).toBe(true);
  expect(await claim(fixture.api, mine.execution, on(0, [...mine.servers, ...other.servers]), null)).toBe(true);
  expect(await claimed(mine.servers[0] ?? '')).toEqual(whole(h1));
  expect(await claimed(other.servers[0] ?? '')).toEqual([]);
  expect(await used(h1)).toEqual([{ used: 5 }, { used: 512 }, { used: 2 }]);
});

test('sent twice, it claims once; a server that has a claim elsewhere, or in part, claims no more', async () => {
  const { execution, servers } = await fixture.accept(2);
  const [one = '', two = ''] = servers;
  expect(await claim(fixture.api, execution, on(0, [one]), null)).toBe(true);
  expect(await nothing(() => claim(fixture.api, execution, on(0, [one]), null))).toBe(true);
  expect(await nothing(() => claim(fixture.api, execution, on(1, [one]), null)), 'elsewhere').toBe(false);
  expect(await nothing(() => claim(fixture.api, execution, on(0, [one, two]), null)), 'one of two has a claim').toBe(false);
  await query(fixture.api, `delete from allocations where resource_class = 'DISK_GB'`);
  expect(await nothing(() => claim(fixture.api, execution, on(0, [one]), null)), 'a part of its claim').toBe(false);
});

test('a group that binds is claimed for as it was read, and its generation grows', async () => {
  const group = await newGroup(fixture, 'anti-affinity');
  const { execution, servers } = await fixture.accept(2, { group });
  const [one = '', two = ''] = servers;
  const read = await groupOf(group);
  const other = await newGroup(fixture, 'anti-affinity');
  expect(await claim(fixture.api, execution, on(0, [one]), read)).toBe(true);
  expect((await groupOf(group)).generation).toBe(read.generation + 1);
  expect((await groupOf(other)).generation).toBe(read.generation);
  expect(await nothing(() => claim(fixture.api, execution, on(0, [one]), read)), 'sent twice').toBe(true);
  expect(await nothing(() => claim(fixture.api, execution, on(1, [two]), read)), 'a stale generation').toBe(false);
  expect(await claim(fixture.api, execution, on(1, [two]), await groupOf(group))).toBe(true);
});

test('a group is left alone when there is no capacity, and when nothing is claimed', async () => {
  const group = await newGroup(fixture, 'anti-affinity');
  const { execution, servers } = await fixture.accept(1, { group });
  const read = await groupOf(group);
  expect(await nothing(() => claim(fixture.api, execution, on(0, servers, { ...resources, VCPU: 9 }), read))).toBe(false);
  expect(await nothing(() => claim(fixture.api, 'another', on(0, servers), read))).toBe(true);
});

/** A server with its claim on the first host, and its mapping. */
async function placed(group?: string): Promise<string> {
  const { execution, servers } = await fixture.accept(1, group === undefined ? {} : { group });
  await claim(fixture.api, execution, on(0, servers), null);
  return servers[0] ?? '';
}

test('allocations move whole to the first alternate, the capacity of the host is released, and the failure counts', async () => {
  const server = await placed();
  expect(await moveAllocations(fixture.api, unowned(server), h1, [h2, h3])).toBe(h2);
  expect(await claimed(server)).toEqual(whole(h2));
  expect(await used(h1)).toEqual([{ used: 0 }, { used: 0 }, { used: 0 }]);
  expect(await used(h2)).toEqual([{ used: 5 }, { used: 512 }, { used: 2 }]);
  expect(await failures()).toEqual([{ host: h1, builds: 1 }]);
  expect(await nothing(() => moveAllocations(fixture.api, unowned(server), h1, [h2, h3])), 'sent twice').toBe(h2);
});

test('a claim moves for the owner that the mapping names, and from the host that has it', async () => {
  const server = await placed();
  await query(fixture.api, 'update instance_mappings set fencing_token = 2');
  const move = (fencing_token: number, from: string = h1, alternates: string[] = [h2]) =>
    moveAllocations(fixture.api, { uuid: server, fencing_token }, from, alternates);
  expect(await nothing(() => move(1)), 'an earlier token').toBeUndefined();
  expect(await nothing(() => move(3)), 'a later token').toBeUndefined();
  expect(await nothing(() => move(2, h3)), 'a host that has no claim').toBeUndefined();
  expect(
    await nothing(() => moveAllocations(fixture.api, { uuid: randomUUID(), fencing_token: 2 }, h1, [h2])),
    'an unknown server',
  ).toBeUndefined();
  expect(await move(2)).toBe(h2);
});

test.each(['VCPU', 'MEMORY_MB', 'DISK_GB'] as const)('an alternate needs the very %s that was claimed', async (resource) => {
  const server = await placed();
  const capacity = (host: string, free: number) =>
    query(
      fixture.api,
      `update inventories set used = total - :free where resource_class = :resource and resource_provider_id = ${hostOf(host)}`,
      { free, resource },
    );
  await capacity(h2, resources[resource] - 1);
  await capacity(h3, resources[resource]);
  expect(await moveAllocations(fixture.api, unowned(server), h1, [h2, h3])).toBe(h3);
});

test('an alternate without an inventory of a resource is passed over, and one that may not be picked', async () => {
  const server = await placed();
  await query(fixture.api, `delete from inventories where resource_class = 'DISK_GB' and resource_provider_id = ${hostOf(h2)}`);
  await query(fixture.api, `update resource_providers set traits = array[:disabledTrait] where name = :h3`, { disabledTrait, h3 });
  expect(await moveAllocations(fixture.api, unowned(server), h1, [h2, h3])).toBeNull();
  expect(await claimed(server)).toEqual(whole(h1));
  expect(await failures()).toEqual([{ host: h1, builds: 1 }]);
});

test('the order of the alternates decides', async () => {
  expect(await moveAllocations(fixture.api, unowned(await placed()), h1, [h3, h2])).toBe(h3);
  expect(await moveAllocations(fixture.api, unowned(await placed()), h1, [h2, h3])).toBe(h2);
});

test('anti-affinity: an alternate has as many members as the rule says, and no more', async () => {
  const group = await newGroup(fixture, 'anti-affinity', { max_server_per_host: 2 });
  const others = await newGroup(fixture, 'anti-affinity');
  await moveAllocations(fixture.api, unowned(await placed(others)), h1, [h2]);
  const servers = [await placed(group), await placed(group), await placed(group)];
  const before = (await groupOf(group)).generation;
  const moved = [];
  for (const server of servers) moved.push(await moveAllocations(fixture.api, unowned(server), h1, [h2, h3]));
  expect(moved).toEqual([h2, h2, h3]);
  expect((await groupOf(group)).generation).toBe(before + 3);
});

test('anti-affinity without a rule: one member a host', async () => {
  const group = await newGroup(fixture, 'anti-affinity');
  const [one, two] = [await placed(group), await placed(group)];
  expect(await moveAllocations(fixture.api, unowned(one), h1, [h2])).toBe(h2);
  expect(await moveAllocations(fixture.api, unowned(two), h1, [h2])).toBeNull();
});

test('affinity: a member moves only where all the others are', async () => {
  const group = await newGroup(fixture, 'affinity');
  const [one, two] = [await placed(group), await placed(group)];
  expect(await moveAllocations(fixture.api, unowned(one), h1, [h2])).toBeNull();
  await query(fixture.api, `update allocations set resource_provider_id = ${hostOf(h2)} where consumer_id = :two::uuid`, { two });
  expect(await moveAllocations(fixture.api, unowned(one), h1, [h3, h2])).toBe(h2);
});

test('soft policies keep no member from moving, and leave the group alone', async () => {
  const group = await newGroup(fixture, 'soft-anti-affinity');
  const [one] = [await placed(group), await placed(group)];
  await query(fixture.api, `update allocations set resource_provider_id = ${hostOf(h2)} where consumer_id <> :one::uuid`, { one });
  expect(await moveAllocations(fixture.api, unowned(one), h1, [h2])).toBe(h2);
  expect((await groupOf(group)).generation).toBe(0);
});

test.each([
  ['9 minutes 50 seconds', 3],
  ['10 minutes 10 seconds', 1],
])('a failure %s after the last counts %i', async (since, builds) => {
  const server = await placed();
  await query(
    fixture.api,
    `insert into build_failures (resource_provider_id, builds, last_at) select ${hostOf(h1)}, 2, now() - :since::interval`,
    { since },
  );
  await moveAllocations(fixture.api, unowned(server), h1, []);
  expect(await failures()).toEqual([{ host: h1, builds }]);
  expect(await sql(fixture, `select last_at > now() - interval '1 minute' as now from build_failures`)).toEqual([{ now: true }]);
});
