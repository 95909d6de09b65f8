/** What an admin reads when no host was found, whole. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { NoValidHost } from '../../../compute/scheduler/no-valid-host.ts';
import type { RequestSpec } from '../../../database/api/servers/request-spec.ts';
import { query } from '../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture, tiny } from '../../../local/bench/scheduler-fixture.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';
import { addZone, hostOf, newGroup } from './scheduler-helpers.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(() => fixture.addHosts({ cells: 2, hosts: 2 }));

async function failure(spec: Partial<RequestSpec>, count = 1): Promise<NoValidHost> {
  const { execution, servers } = await fixture.accept(count, spec);
  const error = await scheduleServers(fixture.api, execution, servers).catch((thrown: unknown) => thrown);
  if (!(error instanceof NoValidHost)) throw new Error('it found a host');
  return error;
}
const lines = async (spec: Partial<RequestSpec>, count = 1) => (await failure(spec, count)).message.split('\n');
const change = (sql: string) => query(fixture.api, sql);

test('one resource short everywhere', async () => {
  const error = await failure({ flavor: { ...tiny, root_gb: 400, ephemeral_gb: 599, swap: 512 } });
  expect(error.message.split('\n')).toEqual([
    'No valid host was found. ',
    'Asked: 1 server with VCPU 1, MEMORY_MB 512, DISK_GB 1000.',
    'Hosts: 4.',
    'Placement: 4 of 4 hosts rejected, they have too little capacity (cell1-host1, cell1-host2, cell2-host1, cell2-host2).',
    'VCPU: 4 of 4 hosts suffice; the nearest has 16 free.',
    'MEMORY_MB: 4 of 4 hosts suffice; the nearest has 65536 free.',
    'DISK_GB: 0 of 4 hosts suffice; the nearest has 500 free, 500 short.',
    'Nearest host: cell1-host1.',
    'First cause: DISK_GB.',
  ]);
  expect(error.report).toEqual({
    servers: 1,
    first_cause: 'DISK_GB',
    hosts: 4,
    rejected: { Placement: 4 },
    suffices: { VCPU: 4, MEMORY_MB: 4, DISK_GB: 0 },
    nearest: { VCPU: 16, MEMORY_MB: 65_536, DISK_GB: 500 },
  });
});

test('every resource is there, but never together: the nearest host is the one that lacks least in all', async () => {
  await change(`update inventories set used = 16 where resource_class = 'VCPU' and resource_provider_id = ${hostOf('cell1-host1')}`);
  await change(
    `update inventories set used = 65400 where resource_class = 'MEMORY_MB' and resource_provider_id = ${hostOf('cell1-host2')}`,
  );
  await change(`update inventories set used = 12 where resource_class = 'VCPU' and resource_provider_id = ${hostOf('cell2-host1')}`);
  await change(
    `update inventories set used = 65535 where resource_class = 'MEMORY_MB' and resource_provider_id = ${hostOf('cell2-host2')}`,
  );
  expect(await lines({ flavor: { ...tiny, vcpus: 5 } })).toEqual([
    'No valid host was found. ',
    'Asked: 1 server with VCPU 5, MEMORY_MB 512, DISK_GB 1.',
    'Hosts: 4.',
    'Placement: 4 of 4 hosts rejected, they have too little capacity (cell1-host1, cell1-host2, cell2-host1, cell2-host2).',
    'VCPU: 2 of 4 hosts suffice; the nearest has 4 free, 1 short.',
    'MEMORY_MB: 2 of 4 hosts suffice; the nearest has 65536 free.',
    'DISK_GB: 4 of 4 hosts suffice; the nearest has 500 free.',
    'Nearest host: cell2-host1.',
    'First cause: VCPU.',
  ]);
});

test('each step turns some away, and the nearest host is one that could have been used', async () => {
  await fixture.addHosts({ cells: 3, hosts: 2 });
  await change(`delete from host_mappings where host = 'cell1-host1'`);
  await change(`update cell_mappings set disabled = true where name = 'cell2'`);
  await change(`update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name = 'cell3-host1'`);
  await addZone(fixture, 'az1', ['cell3-host2', 'cell3-host1', 'cell2-host1']);
  await change(`update inventories set used = 16 where resource_class = 'VCPU' and resource_provider_id = ${hostOf('cell3-host2')}`);
  expect(await lines({ availability_zone: 'az1' }, 2)).toEqual([
    'No valid host was found. There are not enough hosts available.',
    'Asked: 2 servers with VCPU 1, MEMORY_MB 512, DISK_GB 1 each, in availability zone az1.',
    'Hosts: 6.',
    'HostMapping: 1 of 6 hosts rejected, no cell has them (cell1-host1).',
    'CellDisabled: 2 of 5 hosts rejected, their cell is disabled (cell2-host1, cell2-host2).',
    'ComputeFilter: 1 of 3 hosts rejected, their service is disabled (cell3-host1).',
    'AvailabilityZone: 1 of 2 hosts rejected, they are in another zone (cell1-host2).',
    'Placement: 1 of 1 hosts rejected, they have too little capacity (cell3-host2).',
    'VCPU: 0 of 1 hosts suffice; the nearest has 0 free, 1 short.',
    'MEMORY_MB: 1 of 1 hosts suffice; the nearest has 65536 free.',
    'DISK_GB: 1 of 1 hosts suffice; the nearest has 500 free.',
    'Nearest host: cell3-host2.',
    'First cause: VCPU.',
  ]);
});

test('capacity for some of the servers', async () => {
  await change(`update inventories set used = 9 where resource_class = 'VCPU' and resource_provider_id = ${hostOf('cell2-host2')}`);
  expect(await lines({ flavor: { ...tiny, vcpus: 8 } }, 7)).toEqual([
    'No valid host was found. There are not enough hosts available.',
    'Asked: 7 servers with VCPU 8, MEMORY_MB 512, DISK_GB 1 each.',
    'Hosts: 4.',
    'Placement: 1 of 4 hosts rejected, they have too little capacity (cell2-host2).',
    'VCPU: 3 of 4 hosts suffice; the nearest has 7 free, 1 short.',
    'MEMORY_MB: 4 of 4 hosts suffice; the nearest has 65536 free.',
    'DISK_GB: 4 of 4 hosts suffice; the nearest has 500 free.',
    'Nearest host: cell2-host2.',
    'The 3 hosts left can hold 6 of 7 servers; then the nearest, cell2-host2, is short of 1 VCPU.',
    'First cause: VCPU.',
  ]);
});

test('filters over host classes return their reasons', async () => {
  await change(`update resource_providers set capabilities = capabilities || '{"hypervisor_type": "xen"}' where name like 'cell2%'`);
  const properties = { hw_architecture: 'aarch64' };
  const spec = { flavor: { ...tiny, extra_specs: { hypervisor_type: 's== xen' } }, image: { id: 'an image', properties } };
  expect(await lines(spec)).toEqual([
    'No valid host was found. There are not enough hosts available.',
    'Asked: 1 server with VCPU 1, MEMORY_MB 512, DISK_GB 1.',
    'Hosts: 4.',
    'ComputeCapabilitiesFilter: 2 of 4 hosts rejected, hypervisor_type is "simulated", asked is "s== xen" (cell1-host1, cell1-host2).',
    'ImagePropertiesFilter: 2 of 2 hosts rejected, the image needs aarch64, supported is x86_64, simulated, hvm; i686, simulated, hvm (cell2-host1, cell2-host2).',
    'First cause: ImagePropertiesFilter.',
  ]);
});

test('server groups', async () => {
  const apart = await newGroup(fixture, 'anti-affinity', { max_server_per_host: 2 });
  const { execution, servers } = await fixture.accept(5, { group: apart });
  await scheduleServers(fixture.api, execution, servers);
  await change(`update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name like 'cell2%'`);
  const words = await lines({ group: apart }, 6);
  expect(words.at(1)).toBe(
    'Asked: 6 servers with VCPU 1, MEMORY_MB 512, DISK_GB 1 each, in server group web (anti-affinity with at most 2 a host, 5 placed).',
  );
  expect(words.slice(-2)).toEqual([
    expect.stringMatching(
      /^The (host|2 hosts) left can hold [12] of 6 servers; then ServerGroupAntiAffinityFilter rejects every host with the capacity\.$/,
    ),
    'First cause: ServerGroupAntiAffinityFilter.',
  ]);

  await fixture.addHosts({ cells: 1, hosts: 2 });
  const together = await newGroup(fixture, 'affinity');
  await change(`update inventories set used = 1 where resource_class = 'VCPU' and resource_provider_id = ${hostOf('cell1-host2')}`);
  expect(await lines({ group: together }, 17)).toEqual([
    'No valid host was found. There are not enough hosts available.',
    'Asked: 17 servers with VCPU 1, MEMORY_MB 512, DISK_GB 1 each, in server group web (affinity, 0 placed).',
    'Hosts: 2.',
    'Placement: 2 of 2 hosts rejected, they have too little capacity for all 17 servers (cell1-host1, cell1-host2).',
    'VCPU: 0 of 2 hosts suffice; the nearest has 16 free, 1 short.',
    'MEMORY_MB: 2 of 2 hosts suffice; the nearest has 65536 free.',
    'DISK_GB: 2 of 2 hosts suffice; the nearest has 500 free.',
    'Nearest host: cell1-host1.',
    'First cause: VCPU.',
  ]);
  const first = await fixture.accept(1, { group: together, requested_host: { host: 'cell1-host2', node: null } });
  await scheduleServers(fixture.api, first.execution, first.servers);
  expect((await lines({ group: together, flavor: { ...tiny, vcpus: 15 } })).slice(3)).toEqual([
    'ServerGroupAffinityFilter: 1 of 2 hosts rejected, the group is on another host (cell1-host1).',
    'Placement: 1 of 1 hosts rejected, they have too little capacity (cell1-host2).',
    'VCPU: 0 of 1 hosts suffice; the nearest has 14 free, 1 short.',
    'MEMORY_MB: 1 of 1 hosts suffice; the nearest has 65024 free.',
    'DISK_GB: 1 of 1 hosts suffice; the nearest has 499 free.',
    'Nearest host: cell1-host2.',
    'First cause: VCPU.',
  ]);
});

test('a host that does not exist, and no hosts at all', async () => {
  expect(await lines({ forced_host: { host: 'ghost', node: 'n' }, availability_zone: 'nova' })).toEqual([
    'No valid host was found. No such host - host: ghost node: n ',
    'Asked: 1 server with VCPU 1, MEMORY_MB 512, DISK_GB 1, on host ghost (forced).',
    'First cause: UnknownHost.',
  ]);
  await fixture.addHosts({ cells: 1, hosts: 0 });
  expect(await lines({})).toEqual([
    'No valid host was found. ',
    'Asked: 1 server with VCPU 1, MEMORY_MB 512, DISK_GB 1.',
    'Hosts: 0.',
    'First cause: NoHosts.',
  ]);
});

test('a large cloud is explained in numbers, and every explanation is bounded', async () => {
  await fixture.addHosts({ cells: 20, hosts: 50 });
  expect((await lines({ flavor: { ...tiny, vcpus: 17 } })).slice(2, 5)).toEqual([
    'Hosts: 1000.',
    'Placement: 1000 of 1000 hosts rejected, they have too little capacity.',
    'VCPU: 0 of 1000 hosts suffice; the nearest has 16 free, 1 short.',
  ]);
  await change(`update resource_providers set capabilities = capabilities || jsonb_build_object('gpu', repeat('x', 3000) || id % 40)`);
  const error = await failure({ flavor: { ...tiny, extra_specs: { gpu: 'yes' } } });
  expect(error.message.length).toBeLessThan(4_100);
  expect(error.message).toMatch(/^No valid host was found\. There are not enough hosts available\.\n.*\nHosts: 1000\.\n/);
  expect(error.message.endsWith('\nFirst cause: ComputeCapabilitiesFilter.')).toBe(true);
});
