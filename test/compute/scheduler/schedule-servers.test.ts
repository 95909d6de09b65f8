/** Scheduling against a real database: what is claimed, what is never picked, and what holds when many boots do it at once. */
import { expect, test } from 'vitest';
import { type Placement, scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { configuration } from '../../../compute/scheduler/configuration.ts';
import { NoValidHost } from '../../../compute/scheduler/no-valid-host.ts';
import { overriddenResources } from '../../../compute/scheduler/requested-resources.ts';
import { claim } from '../../../database/api/hosts/allocations.ts';
import { releaseTargetCell } from '../../../database/api/servers/build-requests.ts';
import { releaseAllocationsOfFailed } from '../../../database/api/servers/release.ts';
import { query } from '../../../database/data-api/client.ts';
import { tiny } from '../../../local/bench/scheduler-fixture.ts';
import { boot, fixture, half, hosts, useScheduler } from './scheduler.ts';
import { checkCapacity, countCalls, hostOf, sql, unowned } from './scheduler-helpers.ts';

useScheduler();

test('a host is found in one reading and one claim, and that there is none in one reading', async () => {
  const { execution, servers } = await fixture.accept(3);
  const calls = countCalls(fixture);
  expect(await scheduleServers(fixture.api, execution, servers)).toHaveLength(3);
  expect(calls()).toBe(2);
  const big = await fixture.accept(1, { flavor: { ...tiny, memory_mb: 100_000 } });
  const more = countCalls(fixture);
  await expect(scheduleServers(fixture.api, big.execution, big.servers)).rejects.toThrow(NoValidHost);
  expect(more()).toBe(1);
});

test('what extra specs ask of a class is claimed instead of what the flavor has, added up over groups', async () => {
  const extra_specs = {
    'resources:VCPU': '6',
    'resources_A:VCPU': '2',
    'resources:MEMORY_MB': '1024',
    'resources:DISK_GB': '0',
    'resources:x': '1',
  };
  const flavor = { ...tiny, extra_specs: { ...extra_specs, 'resources1:MEMORY_MB': 'some' } };
  const resources = overriddenResources(flavor.extra_specs);
  expect(resources).toEqual({ VCPU: 8, MEMORY_MB: 1_024, DISK_GB: 0 });
  await boot({ flavor, resources });
  const rows = 'select resource_class, used from allocations order by resource_class';
  expect(await sql(fixture, rows)).toEqual([
    { resource_class: 'MEMORY_MB', used: 1_024 },
    { resource_class: 'VCPU', used: 8 },
  ]);
  // The reading looks for hosts with as much: six hosts with 16 processors each hold twelve in all.
  expect(await boot({ flavor, resources }, 11)).toHaveLength(11);
  await expect(boot({ flavor, resources })).rejects.toThrow(/Asked: 1 server with VCPU 8/);
  expect(overriddenResources({ 'resources:VCPU': '9'.repeat(30), 'other:VCPU': '1' })).toEqual({ VCPU: 2_147_483_647 });
  await checkCapacity(fixture);
});

test('a server that takes none of VCPU fits where the rest fits, and is where it was claimed', async () => {
  const flavor = { ...tiny, extra_specs: { 'resources:VCPU': '0' } };
  const { execution, servers } = await fixture.accept(1, { flavor, resources: { VCPU: 0 } });
  await sql(fixture, `update inventories set used = total where resource_class = 'VCPU'`);
  const [placed] = await scheduleServers(fixture.api, execution, servers);
  expect(await scheduleServers(fixture.api, execution, servers)).toEqual([placed]);
  await sql(fixture, `update inventories set used = 0 where resource_class = 'VCPU'`);
  expect(await sql(fixture, `select resource_class, used from allocations where used = 0`)).toEqual([{ resource_class: 'VCPU', used: 0 }]);
  await checkCapacity(fixture);
});

test('the step run again returns the hosts it claimed before, and claims nothing', async () => {
  const { execution, servers } = await fixture.accept(3);
  const first = await scheduleServers(fixture.api, execution, servers);
  const before = await sql(fixture, 'select consumer_id, resource_provider_id, resource_class, used from allocations order by id');
  const calls = countCalls(fixture);
  const second = await scheduleServers(fixture.api, execution, servers);
  expect(calls()).toBe(1);
  const places = (list: Placement[]) =>
    list.map(({ server, host, cell, zone }) => ({ server, host, cell, zone })).sort((a, b) => (a.server < b.server ? -1 : 1));
  expect(places(second)).toEqual(places(first));
  for (const { host, alternates } of second) expect(alternates).not.toContain(host);
  expect(await sql(fixture, 'select consumer_id, resource_provider_id, resource_class, used from allocations order by id')).toEqual(before);
  await checkCapacity(fixture);
});

test('a server that has lost its claim looks for a host again, the others keep theirs', async () => {
  const { execution, servers } = await fixture.accept(3);
  const [one = '', two = '', three = ''] = servers;
  const hostsOf = (list: readonly Placement[]) => new Map(list.map(({ server, host }) => [server, host]));
  const first = hostsOf(await scheduleServers(fixture.api, execution, servers));
  await releaseAllocationsOfFailed(fixture.api, [unowned(two)]);
  const second = await scheduleServers(fixture.api, execution, servers);
  expect(second.map(({ server }) => server).toSorted()).toEqual(servers.toSorted());
  for (const server of [one, three]) expect(hostsOf(second).get(server)).toBe(first.get(server));
  expect(await sql(fixture, 'select count(*)::int as rows from allocations')).toEqual([{ rows: 9 }]);
  const alone = await fixture.accept(1);
  const claimed = await scheduleServers(fixture.api, alone.execution, alone.servers);
  const calls = countCalls(fixture);
  expect(hostsOf(await scheduleServers(fixture.api, alone.execution, alone.servers))).toEqual(hostsOf(claimed));
  expect(calls()).toBe(1);
  await checkCapacity(fixture);
});

test('a claim that is sent twice claims once; another for the same servers does not hold', async () => {
  const { execution, servers } = await fixture.accept(2);
  const [one, two] = await sql<{ id: number }>(fixture, 'select id from resource_providers order by id limit 2');
  const claims = servers.map((server) => ({ server, provider: one?.id ?? 0, resources: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 0 } }));
  expect(await Promise.all([claim(fixture.api, execution, claims, null), claim(fixture.api, execution, claims, null)])).toContain(true);
  expect(await claim(fixture.api, execution, claims, null)).toBe(true);
  expect(await sql(fixture, 'select sum(used)::int as used from inventories')).toEqual([{ used: 2 * 513 }]);
  const elsewhere = claims.map((each) => ({ ...each, provider: two?.id ?? 0 }));
  expect(await claim(fixture.api, execution, elsewhere, null)).toBe(false);
  expect(await claim(fixture.api, 'another', elsewhere, null)).toBe(true);
  expect(await sql(fixture, 'select count(distinct resource_provider_id)::int as hosts, count(*)::int as rows from allocations')).toEqual([
    { hosts: 1, rows: 4 },
  ]);
  await checkCapacity(fixture);
});

test('all servers of a request find a host, or none claims any', async () => {
  await expect(boot({ flavor: half }, 13)).rejects.toThrow('The 6 hosts left can hold 12 of 13 servers');
  expect(await sql(fixture, 'select * from allocations')).toEqual([]);
  expect(new Set(hosts(await boot({ flavor: half }, 12))).size).toBe(6);
  await checkCapacity(fixture);
});

test('40 boots at once on nearly full hosts: never over, and as many find a host as there is capacity for', async () => {
  await query(fixture.api, `update inventories set used = total - 2 where resource_class = 'VCPU'`);
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => boot()));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(12);
  for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(NoValidHost);
  expect(await sql(fixture, `select sum(free)::int as free from inventories where resource_class = 'VCPU'`)).toEqual([{ free: 0 }]);
  await checkCapacity(fixture, 14 * 6);
});

test('a boot whose claims are lost each time spreads over the hosts, and gives up after sixty', async () => {
  // Every claim comes too late, as when another boot was first.
  await query(
    fixture.api,
    `do $do$ begin
       create table tried (provider int);
       create function lose_claim() returns trigger language plpgsql as $function$
       begin
         insert into tried values (new.resource_provider_id);
         return null;
       end $function$;
       create trigger lost before insert on allocations for each row execute function lose_claim();
     end $do$`,
  );
  const { execution, servers } = await fixture.accept(1);
  const calls = countCalls(fixture);
  const error = await scheduleServers(fixture.api, execution, servers).catch((thrown: unknown) => thrown);
  expect(calls()).toBe(120);
  expect(error).toMatchObject({ message: expect.stringContaining('\nOther boots took the hosts 60 times.\nFirst cause: LostClaims.') });
  const [{ hosts: tried } = { hosts: 0 }] = await sql<{ hosts: number }>(
    fixture,
    'select count(distinct provider)::int as hosts from tried',
  );
  expect(tried).toBeGreaterThan(1);
  await query(fixture.api, 'do $do$ begin drop function lose_claim cascade; drop table tried; end $do$');
  await checkCapacity(fixture);
});

test('reserved and overcommitted capacity counts', async () => {
  await query(
    fixture.api,
    `update inventories set reserved = 15 where resource_class = 'VCPU' and resource_provider_id in (select id from resource_providers where name <> 'cell1-host1')`,
  );
  await query(
    fixture.api,
    `update inventories set allocation_ratio = 2 where resource_class = 'VCPU' and resource_provider_id in (select id from resource_providers where name = 'cell1-host1')`,
  );
  expect(hosts(await boot({ flavor: { ...tiny, vcpus: 32 } }))).toEqual(['cell1-host1']);
  expect(new Set(hosts(await boot(undefined, 5))).size).toBe(5);
  await expect(boot()).rejects.toThrow(NoValidHost);
});

test('disabled services, disabled cells and unmapped hosts are never picked, however many boots there are', async () => {
  await query(fixture.api, `update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name = 'cell1-host1'`);
  await query(fixture.api, `delete from host_mappings where host = 'cell1-host2'`);
  await query(fixture.api, `update cell_mappings set disabled = true where name = 'cell2'`);
  const placed = await Promise.all(Array.from({ length: 10 }, () => boot()));
  expect(new Set(hosts(placed.flat()))).toEqual(new Set(['cell1-host3']));
  expect(placed.flatMap(([each]) => each?.alternates)).toEqual([]);
  await query(fixture.api, `update cell_mappings set disabled = false where name = 'cell2'`);
  await query(fixture.api, `update resource_providers set traits = '{}' where name = 'cell1-host1'`);
  expect(new Set(hosts(await boot({ flavor: half }, 8)))).toEqual(new Set(['cell1-host1', 'cell2-host1', 'cell2-host2', 'cell2-host3']));
});

test('a claim is given up when its host may not be picked any more', async () => {
  const { execution, servers } = await fixture.accept(1);
  const [first] = await scheduleServers(fixture.api, execution, servers);
  await query(fixture.api, `update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name = :host`, {
    host: first?.host ?? '',
  });
  const [second] = await scheduleServers(fixture.api, execution, servers);
  expect(second?.host).not.toBe(first?.host);
  await checkCapacity(fixture);
  await query(fixture.api, 'delete from host_mappings where host = :host', { host: second?.host ?? '' });
  expect(hosts(await scheduleServers(fixture.api, execution, servers))).not.toContain(second?.host);
  await checkCapacity(fixture);
});

test('a cell that did not take the server is not tried again', async () => {
  const { execution, servers } = await fixture.accept(1);
  for (const cells of [1, 2]) {
    const [{ server, cell } = { server: '', cell: '' }] = await scheduleServers(fixture.api, execution, servers);
    await query(fixture.api, 'update build_requests set cell_id = (select id from cell_mappings where uuid = :cell::uuid)', { cell });
    await releaseTargetCell(fixture.api, execution, server);
    expect(await sql(fixture, 'select count(*)::int as cells from pending_cleanups')).toEqual([{ cells }]);
  }
  await expect(scheduleServers(fixture.api, execution, servers)).rejects.toThrow('First cause: CellUnreachable.');
});

test('a limit never buries a server that fits: pages are read until every kind of host was seen', async () => {
  await fixture.addHosts({ cells: 2, hosts: 50 });
  const flavor = { ...tiny, extra_specs: { 'capabilities:gpu': 's== yes' } };
  await query(fixture.api, `update resource_providers set capabilities = capabilities || jsonb_build_object('rack', id % 7)`);
  await query(fixture.api, `update resource_providers set capabilities = capabilities || '{"gpu": "yes"}' where name = 'cell2-host50'`);
  // The only host that passes is the one with the least capacity.
  await query(
    fixture.api,
    `update inventories set used = total - 600 where resource_class = 'MEMORY_MB' and resource_provider_id = ${hostOf('cell2-host50')}`,
  );
  const { execution, servers } = await fixture.accept(1, { flavor });
  expect(hosts(await scheduleServers(fixture.api, execution, servers, { ...configuration, candidates: 5 }))).toEqual(['cell2-host50']);
  await expect(boot({ flavor })).rejects.toThrow('ComputeCapabilitiesFilter: 99 of 99 hosts rejected');
});

test('hosts whose class no answer holds are none, and the search ends', async () => {
  await fixture.addHosts({ cells: 1, hosts: 1 });
  await query(
    fixture.api,
    `update resource_providers set capabilities = capabilities || jsonb_build_object('cpu_info', repeat('x', 1200000))`,
  );
  await expect(boot()).rejects.toThrow('The host left can hold 0 of 1 servers; then there is none.');
});

test('traits are required of the host', async () => {
  await query(fixture.api, `update resource_providers set traits = '{HW_CPU_X86_AVX2}' where name = 'cell2-host2'`);
  expect(hosts(await boot({ flavor: { ...tiny, extra_specs: { 'trait:HW_CPU_X86_AVX2': 'required' } } }, 3))).toEqual(
    Array(3).fill('cell2-host2'),
  );
});
