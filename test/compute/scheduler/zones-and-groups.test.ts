/** Where a server may go: into its zone, to a host that is named, and as the policy of its group says, also when many boots do it at once. */
import { expect, test } from 'vitest';
import { releaseAllocationsOfFailed } from '../../../database/api/servers/release.ts';
import { query } from '../../../database/data-api/client.ts';
import { tiny } from '../../../local/bench/scheduler-fixture.ts';
import { boot, fixture, half, hosts, useScheduler } from './scheduler.ts';
import { addZone, checkCapacity, hostOf, newGroup, sql, unowned } from './scheduler-helpers.ts';

useScheduler();

test('a zone is where its aggregate says; a server shows the zone of its host, and its alternates are in it', async () => {
  await addZone(fixture, 'az1', ['cell1-host1', 'cell1-host2', 'cell2-host1']);
  for (const { host, zone, alternates } of (
    await Promise.all(Array.from({ length: 12 }, () => boot({ availability_zone: 'az1' })))
  ).flat()) {
    expect(zone).toBe('az1');
    expect(['cell1-host1', 'cell1-host2', 'cell2-host1']).toContain(host);
    for (const alternate of alternates) expect(['cell1-host1', 'cell1-host2']).toContain(alternate);
  }
  const elsewhere = await boot({ availability_zone: 'nova' }, 6);
  expect(new Set(hosts(elsewhere))).toEqual(new Set(['cell1-host3', 'cell2-host2', 'cell2-host3']));
  expect(new Set((await boot({ flavor: half }, 6)).map(({ zone }) => zone))).toEqual(new Set(['az1', 'nova']));
  await expect(boot({ availability_zone: 'az2' })).rejects.toThrow('First cause: AvailabilityZone.');
  await query(fixture.api, `delete from aggregates where name = 'az1'`);
  await expect(boot({ availability_zone: 'az1' })).rejects.toThrow('First cause: AvailabilityZone.');
});

test('a forced host passes by zone and filters, not by capacity; it has no alternates', async () => {
  await addZone(fixture, 'az1', ['cell1-host1']);
  const forced_host = { host: 'cell1-host1', node: null };
  const odd = { ...half, extra_specs: { hypervisor_type: 'QEMU' } };
  expect(await boot({ forced_host, availability_zone: 'nova', flavor: odd })).toMatchObject([
    { host: 'cell1-host1', zone: 'az1', alternates: [] },
  ]);
  expect(hosts(await boot({ forced_host: { host: null, node: 'cell1-host1' }, flavor: half }))).toEqual(['cell1-host1']);
  await expect(boot({ forced_host })).rejects.toThrow('First cause: VCPU.');
  await query(fixture.api, `update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name = 'cell2-host1'`);
  await expect(boot({ forced_host: { host: 'cell2-host1', node: null } })).rejects.toThrow('First cause: ComputeFilter.');
  await expect(boot({ forced_host: { host: 'ghost', node: null } })).rejects.toThrow(
    /^No valid host was found\. No such host - host: ghost node: None \n/,
  );
});

test('a requested host has to pass like any other', async () => {
  const requested_host = { host: 'cell1-host1', node: 'cell1-host1' };
  expect(await boot({ requested_host })).toMatchObject([{ host: 'cell1-host1', alternates: [] }]);
  await expect(boot({ requested_host, flavor: { ...tiny, extra_specs: { hypervisor_type: 'QEMU' } } })).rejects.toThrow(
    'First cause: ComputeCapabilitiesFilter.',
  );
  await addZone(fixture, 'az1', ['cell2-host1']);
  await expect(boot({ requested_host, availability_zone: 'az1' })).rejects.toThrow('First cause: AvailabilityZone.');
});

test('anti-affinity holds when all members of a group boot at once', async () => {
  const group = await newGroup(fixture, 'anti-affinity');
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => boot({ group })));
  const placed = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? hosts(outcome.value) : []));
  expect(placed.toSorted()).toEqual(['cell1-host1', 'cell1-host2', 'cell1-host3', 'cell2-host1', 'cell2-host2', 'cell2-host3']);
  await expect(boot({ group })).rejects.toThrow('First cause: ServerGroupAntiAffinityFilter.');
  await checkCapacity(fixture);
});

test('max_server_per_host holds when all members of a group boot at once', async () => {
  const group = await newGroup(fixture, 'anti-affinity', { max_server_per_host: 2 });
  const outcomes = await Promise.allSettled([...Array.from({ length: 8 }, () => boot({ group })), boot({ group }, 3), boot({ group }, 3)]);
  const placed = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? hosts(outcome.value) : []));
  for (const count of Map.groupBy(placed, (name) => name).values()) expect(count.length).toBeLessThanOrEqual(2);
  expect(placed.length).toBeGreaterThanOrEqual(10);
});

test('affinity holds when all members of a group boot at once, and a request of several goes where all fit', async () => {
  const group = await newGroup(fixture, 'affinity');
  const placed = (await Promise.all(Array.from({ length: 8 }, () => boot({ group })))).flat();
  expect(new Set(hosts(placed)).size).toBe(1);
  expect(placed.flatMap(({ alternates }) => alternates)).toEqual([]);
  await expect(boot({ group, flavor: { ...tiny, vcpus: 9 } })).rejects.toThrow('First cause: VCPU.');

  await fixture.addHosts({ cells: 2, hosts: 3 });
  await query(
    fixture.api,
    `update inventories set used = 15 where resource_class = 'VCPU' and resource_provider_id <> ${hostOf('cell2-host3')}`,
  );
  expect(hosts(await boot({ group: await newGroup(fixture, 'affinity') }, 16))).toEqual(Array(16).fill('cell2-host3'));
});

test('soft policies are kept while they can be', async () => {
  const apart = await newGroup(fixture, 'soft-anti-affinity');
  const spread = new Set<string>();
  for (let server = 0; server < 6; server++) for (const host of hosts(await boot({ group: apart }))) spread.add(host);
  expect(spread.size).toBe(6);
  expect(await boot({ group: apart }, 6)).toHaveLength(6);
  // A wish lets no claim wait for another.
  expect(await sql(fixture, 'select generation from instance_groups')).toEqual([{ generation: 0 }]);

  await fixture.addHosts({ cells: 2, hosts: 3 });
  const together = await newGroup(fixture, 'soft-affinity');
  const close = new Set<string>();
  for (let server = 0; server < 6; server++) for (const host of hosts(await boot({ group: together }))) close.add(host);
  expect(close.size).toBe(1);
  expect(new Set(hosts(await boot({ group: together, flavor: half }, 6))).size).toBeGreaterThan(1);
});

test('members that are gone count no more', async () => {
  const group = await newGroup(fixture, 'anti-affinity');
  const placed = await boot({ group }, 6);
  const [{ server, host } = { server: '', host: '' }] = placed;
  await releaseAllocationsOfFailed(fixture.api, [unowned(server)]);
  expect(hosts(await boot({ group }))).toEqual([host]);
});
