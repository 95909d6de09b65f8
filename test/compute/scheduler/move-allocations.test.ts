/** What becomes of allocations when their host fails to build: they move to an alternate that may be picked, has the capacity and keeps the group's policy. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { moveAllocations } from '../../../database/api/hosts/allocations.ts';
import type { RequestSpec } from '../../../database/api/servers/request-spec.ts';
import { query } from '../../../database/data-api/client.ts';
import type { FencedServer } from '../../../database/servers/ownership.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';
import { checkCapacity, hostOf, newGroup, sql, unowned } from './scheduler-helpers.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(() => fixture.addHosts({ cells: 1, hosts: 4 }));

/** Puts a server on a host. */
async function place(host: string, spec: Partial<RequestSpec> = {}): Promise<FencedServer> {
  const { execution, servers } = await fixture.accept(1, { ...spec, forced_host: { host, node: null } });
  await scheduleServers(fixture.api, execution, servers);
  return unowned(servers[0]);
}
const [h1, h2, h3, h4] = ['cell1-host1', 'cell1-host2', 'cell1-host3', 'cell1-host4'] as const;

test('the allocations go to the first alternate with the capacity; sent again, they stay there', async () => {
  const server = await place(h1);
  await query(fixture.api, `update inventories set used = total where resource_class = 'DISK_GB' and resource_provider_id = ${hostOf(h2)}`);
  expect(await moveAllocations(fixture.api, server, h1, [h2, h3, h4])).toBe(h3);
  expect(await moveAllocations(fixture.api, server, h1, [h2, h3, h4])).toBe(h3);
  expect(await moveAllocations(fixture.api, server, h3, [h2])).toBeNull();
  expect(await moveAllocations(fixture.api, server, h4, [h2])).toBeUndefined();
  await checkCapacity(fixture, 500);
});

test('alternates that may not be picked any more are passed over', async () => {
  const server = await place(h1);
  await query(fixture.api, `update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name = '${h2}'`);
  await query(fixture.api, `delete from host_mappings where host = '${h3}'`);
  expect(await moveAllocations(fixture.api, server, h1, [h2, h3])).toBeNull();
  expect(await moveAllocations(fixture.api, server, h1, [h2, h3, h4])).toBe(h4);
});

test('anti-affinity holds when members move at once', async () => {
  const group = await newGroup(fixture, 'anti-affinity');
  const one = await place(h1, { group });
  const two = await place(h2, { group });
  for (let round = 0; round < 25; round++) {
    const moved = await Promise.all([moveAllocations(fixture.api, one, h1, [h3, h4]), moveAllocations(fixture.api, two, h2, [h3, h4])]);
    expect(moved.toSorted()).toEqual([h3, h4]);
    expect(await moveAllocations(fixture.api, one, moved[0] ?? '', [h1])).toBe(h1);
    expect(await moveAllocations(fixture.api, two, moved[1] ?? '', [h2])).toBe(h2);
  }
  expect(await moveAllocations(fixture.api, one, h1, [h3])).toBe(h3);
  expect(await moveAllocations(fixture.api, two, h2, [h3])).toBeNull();
  await checkCapacity(fixture);
});

test('a boot and a move of one group never meet on a host', async () => {
  const group = await newGroup(fixture, 'anti-affinity');
  const one = await place(h1, { group });
  await query(fixture.api, `update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name in ('${h2}', '${h3}')`);
  const other = await fixture.accept(1, { group });
  const [moved, booted] = await Promise.allSettled([
    moveAllocations(fixture.api, one, h1, [h4]),
    scheduleServers(fixture.api, other.execution, other.servers),
  ]);
  expect(moved.status).toBe('fulfilled');
  const hosts = await sql<{ host: string }>(
    fixture,
    `select name as host from allocations a join resource_providers p on p.id = resource_provider_id where resource_class = 'VCPU'`,
  );
  expect(new Set(hosts.map(({ host }) => host)).size).toBe(hosts.length);
  expect(hosts.length).toBe(booted.status === 'fulfilled' ? 2 : 1);
});

test('under affinity a member does not leave the others', async () => {
  const group = await newGroup(fixture, 'affinity');
  const one = await place(h1, { group });
  expect(await moveAllocations(fixture.api, one, h1, [h2])).toBe(h2);
  await place(h2, { group });
  expect(await moveAllocations(fixture.api, one, h2, [h3])).toBeNull();
});

test('a host that failed a build is the last to be picked, for a while', async () => {
  const server = await place(h1);
  await moveAllocations(fixture.api, server, h1, [h4]);
  await moveAllocations(fixture.api, server, h4, []);
  const places = async (count: number) => {
    const { execution, servers } = await fixture.accept(count);
    return (await scheduleServers(fixture.api, execution, servers)).map(({ host }) => host);
  };
  expect(new Set(await places(6))).toEqual(new Set([h2, h3]));
  await query(
    fixture.api,
    `update inventories set used = total where resource_class = 'VCPU' and resource_provider_id in (${hostOf(h2)}, ${hostOf(h3)})`,
  );
  for (const host of await places(2)) expect([h1, h4]).toContain(host);
  await query(fixture.api, `update build_failures set last_at = now() - interval '11 minutes'`);
  await moveAllocations(fixture.api, server, h4, []);
  expect(await sql(fixture, `select builds from build_failures where resource_provider_id = ${hostOf(h4)}`)).toEqual([{ builds: 1 }]);
});

test('a claim is moved by the owner of its server only', async () => {
  const server = await place(h1);
  await query(fixture.api, `update instance_mappings set fencing_token = 2`);
  for (const fencing_token of [1, 3]) expect(await moveAllocations(fixture.api, { ...server, fencing_token }, h1, [h2])).toBeUndefined();
  expect(await sql(fixture, `select 1 from allocations where resource_provider_id <> ${hostOf(h1)}`)).toEqual([]);
  expect(await sql(fixture, 'select * from build_failures')).toEqual([]);
  expect(await moveAllocations(fixture.api, { ...server, fencing_token: 2 }, h1, [h2])).toBe(h2);
});
