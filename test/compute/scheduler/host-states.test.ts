/** The row that the scheduler sees of a host follows from other tables, whatever changes there and however many change it at the same time. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { NoValidHost } from '../../../compute/scheduler/no-valid-host.ts';
import { moveAllocations } from '../../../database/api/hosts/allocations.ts';
import { listAvailabilityZones, listHosts, saveHosts } from '../../../database/api/hosts/hosts.ts';
import { releaseAllocationsOfFailed } from '../../../database/api/servers/release.ts';
import { query } from '../../../database/data-api/client.ts';
import { handler } from '../../../lambdas/workflows/boot/schedule-servers.ts';
import { masterUrl } from '../../../local/aws/arns.ts';
import { type SchedulerFixture, startSchedulerFixture, tiny } from '../../../local/bench/scheduler-fixture.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';
import { addZone, checkCapacity, sql, unowned } from './scheduler-helpers.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());

test('hosts that join, change and leave are seen at once', async () => {
  await fixture.addHosts({ cells: 2, hosts: 2 });
  const [cell] = await sql<{ uuid: string }>(fixture, `select uuid from cell_mappings where name = 'cell1'`);
  const uuid = 'c1220500-0000-4000-8000-00000000000a';
  const host = { uuid, host: 'new', total: { VCPU: 4, MEMORY_MB: 1_024, DISK_GB: 10 } };
  await saveHosts(fixture.api, cell?.uuid ?? '', [host]);
  const seen = `select pickable, zone, vcpu, memory_mb, disk_gb from host_states where host = 'new'`;
  expect(await sql(fixture, seen)).toEqual([{ pickable: true, zone: 'nova', vcpu: 4, memory_mb: 1_024, disk_gb: 10 }]);
  await saveHosts(fixture.api, cell?.uuid ?? '', [{ ...host, total: { VCPU: 8, MEMORY_MB: 2_048, DISK_GB: 20 } }]);
  await addZone(fixture, 'az1', ['new']);
  expect(await sql(fixture, seen)).toEqual([{ pickable: true, zone: 'az1', vcpu: 8, memory_mb: 2_048, disk_gb: 20 }]);
  await query(fixture.api, `update aggregate_metadata set value = 'az2'`);
  await query(fixture.api, `update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where name = 'new'`);
  expect(await sql(fixture, seen)).toMatchObject([{ pickable: false, zone: 'az2' }]);
  expect(await listAvailabilityZones(fixture.api)).toEqual([
    { name: 'az2', available: false },
    { name: 'nova', available: true },
  ]);
  expect(await listHosts(fixture.api)).toMatchObject([
    ...['cell1-host1', 'cell1-host2', 'cell2-host1', 'cell2-host2'].map((name) => ({ host: name, zone: 'nova', enabled: true })),
    { host: 'new', zone: 'az2', enabled: false },
  ]);
  await query(fixture.api, `delete from host_mappings where host = 'new'`);
  expect(await listHosts(fixture.api)).toHaveLength(4);
  await query(fixture.api, `delete from inventories where resource_provider_id = (select id from resource_providers where name = 'new')`);
  await query(fixture.api, `delete from resource_providers where name = 'new'`);
  expect(await sql(fixture, seen)).toEqual([]);
  await checkCapacity(fixture);
});

test('boots, moves, releases and operators at the same time neither fail nor leave a wrong row', async () => {
  await fixture.addHosts({ cells: 3, hosts: 4 });
  await addZone(fixture, 'az1', ['cell1-host1', 'cell2-host1', 'cell3-host1']);
  const changes = [
    `update cell_mappings set disabled = not disabled where name = 'cell2'`,
    `update resource_providers set traits = case when traits = '{}' then '{COMPUTE_STATUS_DISABLED}' else '{}' end::text[] where id % 3 = 0`,
    `update aggregate_metadata set value = case value when 'az1' then 'nova' else 'az1' end`,
    `update inventories set total = total + 1`,
    `delete from aggregate_hosts where host = 'cell3-host1'`,
  ];
  const boots = Array.from({ length: 120 }, async (_, index) => {
    const { execution, servers } = await fixture.accept(1 + (index % 3));
    const placed = await scheduleServers(fixture.api, execution, servers);
    for (const { server, host, alternates } of placed) {
      if (index % 2 === 0) await moveAllocations(fixture.api, unowned(server), host, alternates);
      if (index % 5 === 0) await releaseAllocationsOfFailed(fixture.api, [unowned(server)]);
    }
  });
  const operators = Array.from({ length: 60 }, (_, index) => query(fixture.api, changes[index % changes.length] ?? ''));
  const outcomes = await Promise.allSettled([...boots, ...operators]);
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  expect(failures.filter((error) => !(error instanceof NoValidHost))).toEqual([]);
  await checkCapacity(fixture);
});

test('a request that finds no host is one line of the log, with the reasons in numbers', async () => {
  await fixture.addHosts({ cells: 1, hosts: 2 });
  process.env.API_DATABASE = masterUrl('api');
  const { execution, servers } = await fixture.accept(2, { flavor: { ...tiny, vcpus: 20 } });
  process.env.POWERTOOLS_LOG_LEVEL = 'INFO';
  const info = vi.spyOn(console, 'info').mockImplementation(() => {});
  await expect(handler({ execution, servers })).rejects.toThrow(NoValidHost);
  const lines = info.mock.calls.map(([line]) => JSON.parse(line));
  info.mockRestore();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ service: 'ScheduleServers', execution, servers, error: { name: 'NoValidHost' } });
  expect(lines[0].error.report).toEqual({
    ...{ servers: 2, first_cause: 'VCPU', hosts: 2, rejected: { Placement: 2 } },
    suffices: { VCPU: 0, MEMORY_MB: 2, DISK_GB: 2 },
    nearest: { VCPU: 16, MEMORY_MB: 65_536, DISK_GB: 500 },
  });
});
