/** Sums that contradict what they count, and rows that do not follow from others, are found; what is right is not. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { listCapacityFaults, listGroupFaults, listHostStateFaults, listQuotaFaults } from '../../../../database/api/audit/sums.ts';
import { claim } from '../../../../database/api/hosts/allocations.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { hostOf, newGroup, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(async () => {
  await fixture.addHosts({ cells: 1, hosts: 3 });
  await query(fixture.api, 'truncate quota_usages');
});

const [h1, h2, h3] = ['cell1-host1', 'cell1-host2', 'cell1-host3'] as const;
const change = (text: string) => query(fixture.api, text);
const use = (used: string, host: string, and = `and resource_class = 'VCPU'`) =>
  change(`update inventories set used = ${used} where resource_provider_id = ${hostOf(host)} ${and}`);

async function claimOn(host: string): Promise<void> {
  const { execution, servers } = await fixture.accept(1);
  const [{ provider } = { provider: 0 }] = await sql<{ provider: number }>(fixture, `select ${hostOf(host)} as provider`);
  const resources = { VCPU: 2, MEMORY_MB: 512, DISK_GB: 1 };
  await claim(fixture.api, execution, [{ server: servers[0] ?? '', provider, resources }], null);
}

test('capacity that is right is no fault, up to the last', async () => {
  await claimOn(h1);
  await claimOn(h1);
  await change(`update inventories set total = used where resource_provider_id = ${hostOf(h1)}`);
  expect(await listCapacityFaults(fixture.api)).toEqual([]);
});

test('use that is not the sum of the allocations, more than there is, and allocations without an inventory', async () => {
  const fault = (host: string, resource: string, used: number | null, allocated: number, capacity: number | null) => ({
    ...{ provider: expect.any(Number), host, resource, used, allocated, capacity },
  });
  for (const host of [h1, h2, h3]) await claimOn(host);
  await use('3', h1);
  await use('total', h1, `and resource_class = 'DISK_GB'`);
  await change(`update inventories set total = 1 where resource_class = 'VCPU' and resource_provider_id = ${hostOf(h2)}`);
  await change(`delete from inventories where resource_class = 'VCPU' and resource_provider_id = ${hostOf(h3)}`);
  await change(`delete from allocations where resource_class = 'MEMORY_MB' and resource_provider_id = ${hostOf(h3)}`);
  expect(await listCapacityFaults(fixture.api)).toEqual([
    fault(h1, 'DISK_GB', 500, 1, 500),
    fault(h1, 'VCPU', 3, 2, 16),
    fault(h2, 'VCPU', 2, 2, 1),
    fault(h3, 'MEMORY_MB', 512, 0, 65_536),
    fault(h3, 'VCPU', null, 2, null),
  ]);
});

test('quota use is compared with the servers of each project; without a request spec only their number', async () => {
  const used = (instances: number, cores: number, ram: number) => ({ instances, cores, ram });
  const save = (project: string, { instances, cores, ram }: ReturnType<typeof used>) =>
    change(`insert into quota_usages (project_id, instances, cores, ram) values ('${project}', ${instances}, ${cores}, ${ram})
      on conflict (project_id) do update set instances = excluded.instances, cores = excluded.cores, ram = excluded.ram`);
  const faults = () => listQuotaFaults(fixture.api);
  expect(await faults()).toEqual([]);
  const [server = ''] = (await fixture.accept(3)).servers;
  expect(await faults()).toEqual([{ project: 'project', used: null, counted: used(3, 3, 1_536) }]);
  await save('project', used(3, 3, 1_536));
  await save('idle', used(0, 0, 0));
  expect(await faults()).toEqual([]);
  await save('another', used(1, 0, 0));
  await save('project', used(3, 3, 1_535));
  expect(await faults()).toEqual([
    { project: 'another', used: used(1, 0, 0), counted: used(0, 0, 0) },
    { project: 'project', used: used(3, 3, 1_535), counted: used(3, 3, 1_536) },
  ]);
  const hold = (what: string) => change(`update instance_mappings set ${what} where instance_uuid = '${server}'`);
  await hold('cores = 2, ram = 511');
  expect(await faults()).toMatchObject([{ project: 'another' }, { project: 'project', counted: used(3, 4, 1_535) }]);
  await hold('instances = 0, cores = 1');
  expect(await faults()).toMatchObject([{ project: 'another' }, { project: 'project', counted: used(2, 3, 1_535) }]);
  await hold('instances = 1, cores = null, ram = null');
  await change(`delete from request_specs where instance_uuid = '${server}'`);
  expect(await faults()).toMatchObject([{ project: 'another' }]);
  await change(`update instance_mappings set queued_for_delete = true where instance_uuid = '${server}'`);
  expect(await faults()).toMatchObject([{ project: 'another' }, { project: 'project', counted: used(2, 2, 1_024) }]);
  await save('project', used(2, 2, 1_024));
  await change(`delete from quota_usages where project_id = 'another'`);
  expect(await faults()).toEqual([]);
});

test.each([
  ['its name', `host = 'x'`],
  ['its cell', 'cell_id = null'],
  ['whether its cell is disabled', 'cell_disabled = not cell_disabled'],
  ['whether its service is disabled', 'service_disabled = not service_disabled'],
  ['its processors', 'vcpu = vcpu - 1'],
  ['its memory', 'memory_mb = memory_mb - 1'],
  ['its disk', 'disk_gb = disk_gb - 1'],
])('a host whose row for the scheduler is wrong in %s', async (_, wrong) => {
  await claimOn(h1);
  expect(await listHostStateFaults(fixture.api)).toEqual([]);
  await change(`update host_states set ${wrong} where host = '${h2}'`);
  expect(await listHostStateFaults(fixture.api)).toEqual([{ host: h2 }]);
});

test('a host without a row, and hosts without a cell or inventories', async () => {
  await change(`delete from host_mappings where host = '${h1}'`);
  await change(`delete from inventories where resource_provider_id = ${hostOf(h2)}`);
  await change(`update cell_mappings set disabled = true`);
  expect(await listHostStateFaults(fixture.api)).toEqual([]);
  await change(`delete from host_states where host in ('${h2}', '${h3}')`);
  expect(await listHostStateFaults(fixture.api)).toEqual([{ host: h2 }, { host: h3 }]);
});

test('members of groups that are no living servers, page by page', async () => {
  const group = await newGroup(fixture, 'affinity');
  const [gone = '', unknown = '', lives = ''] = (await fixture.accept(3, { group })).servers;
  expect(await listGroupFaults(fixture.api)).toEqual([]);
  await change(`update instance_mappings set queued_for_delete = true where instance_uuid = '${gone}'`);
  await change(`delete from instance_mappings where instance_uuid = '${unknown}'`);
  const faults = await listGroupFaults(fixture.api);
  expect(faults.map(({ server }) => server).toSorted()).toEqual([gone, unknown].toSorted());
  expect(faults).toMatchObject([{ group }, { group }]);
  expect(lives).not.toBe('');
  await change(`insert into instance_group_member (group_id, instance_uuid)
    select id, gen_random_uuid() from instance_groups cross join generate_series(1, 1500)`);
  const all = await listGroupFaults(fixture.api);
  expect(new Set(all.map(({ server }) => server)).size).toBe(1_502);
  expect(all).toHaveLength(1_502);
});
