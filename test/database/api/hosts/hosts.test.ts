/** Hosts in placement: saved once, listed with their allocations, disabled and enabled by those who have seen their latest state. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { claim, disabledTrait } from '../../../../database/api/hosts/allocations.ts';
import { findHostMapping, listHostMappings, removeHost } from '../../../../database/api/hosts/host-mappings.ts';
import {
  disableHost,
  enableHost,
  findHost,
  lastHostNumber,
  listAvailabilityZones,
  listHostCapacities,
  listHosts,
  type NewHost,
  saveHosts,
  simulatedCapabilities,
} from '../../../../database/api/hosts/hosts.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { addZone, hostOf, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
let cells: string[];
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(async () => {
  await fixture.addHosts({ cells: 2, hosts: 2 });
  cells = (await sql<{ uuid: string }>(fixture, 'select uuid from cell_mappings order by name')).map(({ uuid }) => uuid);
});

const [h11, h12, h21, h22] = ['cell1-host1', 'cell1-host2', 'cell2-host1', 'cell2-host2'] as const;
const cell = (index: number) => cells[index] ?? '';
const total = { VCPU: 4, MEMORY_MB: 1_024, DISK_GB: 10 };
const newHost = (host: string, rest: Partial<NewHost> = {}): NewHost => ({ uuid: randomUUID(), host, total, ...rest });
const nothing = <Result>(run: () => Promise<Result>) => changesNothing(fixture.api, run);
const provider = (host: string) => sql(fixture, `select uuid, capabilities, traits from resource_providers where name = '${host}'`);
const stock = (host: string) =>
  sql(fixture, `select resource_class, total, used::int from inventories where resource_provider_id = ${hostOf(host)} order by 1`);

/** Makes the allocations of a server on a host. */
async function occupy(host: string): Promise<void> {
  const { execution, servers } = await fixture.accept(1);
  const [{ id } = { id: 0 }] = await sql<{ id: number }>(fixture, `select id from resource_providers where name = '${host}'`);
  await claim(
    fixture.api,
    execution,
    [{ server: servers[0] ?? '', provider: id, resources: { VCPU: 2, MEMORY_MB: 512, DISK_GB: 1 } }],
    null,
  );
}

test('a new host is mapped to its cell, with what it has and can do', async () => {
  const [plain, able] = [newHost('new1'), newHost('new2', { capabilities: { gpu: true }, disabled: true })];
  expect(await saveHosts(fixture.api, cell(0), [plain, able])).toEqual([
    { host: 'new1', mapped: true, elsewhere: null },
    { host: 'new2', mapped: true, elsewhere: null },
  ]);
  expect(await findHostMapping(fixture.api, 'new1')).toEqual({ host: 'new1', cell: 'cell1', cell_uuid: cell(0) });
  expect(await provider('new1')).toEqual([{ uuid: plain.uuid, capabilities: simulatedCapabilities, traits: [] }]);
  expect(await provider('new2')).toEqual([{ uuid: able.uuid, capabilities: { gpu: true }, traits: [disabledTrait] }]);
  expect(await stock('new1')).toEqual([
    { resource_class: 'DISK_GB', total: 10, used: 0 },
    { resource_class: 'MEMORY_MB', total: 1_024, used: 0 },
    { resource_class: 'VCPU', total: 4, used: 0 },
  ]);
});

test('a host that is known keeps what is claimed on it, and whether it is disabled; what it has and can do is new', async () => {
  await occupy(h11);
  await disableHost(fixture.api, h11);
  const [before] = await sql<{ uuid: string }>(fixture, `select uuid from resource_providers where name = '${h11}'`);
  const again = newHost(h11, { capabilities: { gpu: true }, disabled: false });
  expect(await saveHosts(fixture.api, cell(0), [again])).toEqual([{ host: h11, mapped: false, elsewhere: null }]);
  expect(await provider(h11)).toEqual([{ uuid: before?.uuid, capabilities: { gpu: true }, traits: [disabledTrait] }]);
  expect(await stock(h11)).toMatchObject([
    { total: 10, used: 1 },
    { total: 1_024, used: 512 },
    { total: 4, used: 2 },
  ]);
  expect(await stock(h12)).toMatchObject([{ total: 500 }, { total: 65_536 }, { total: 16 }]);
});

test('a host of another cell stays as it is, and hinders no other', async () => {
  const before = [await provider(h21), await stock(h21)];
  expect(await saveHosts(fixture.api, cell(0), [newHost(h21, { capabilities: {} }), newHost('new')])).toEqual([
    { host: h21, mapped: false, elsewhere: cell(1) },
    { host: 'new', mapped: true, elsewhere: null },
  ]);
  expect([await provider(h21), await stock(h21)]).toEqual(before);
  expect((await findHostMapping(fixture.api, h21))?.cell).toBe('cell2');
});

test('a zone is available while one of its mapped hosts is enabled', async () => {
  await addZone(fixture, 'az1', [h11, h12]);
  await query(fixture.api, `update resource_providers set traits = array[:disabledTrait] where name = :h11`, { disabledTrait, h11 });
  const zones = (...of: [string, boolean][]) => of.map(([name, available]) => ({ name, available }));
  expect(await listAvailabilityZones(fixture.api)).toEqual(zones(['az1', true], ['nova', true]));
  await disableHost(fixture.api, h12);
  expect(await listAvailabilityZones(fixture.api)).toEqual(zones(['az1', false], ['nova', true]));
  await query(fixture.api, `delete from host_mappings where host like 'cell1%'`);
  expect(await listAvailabilityZones(fixture.api)).toEqual(zones(['nova', true]));
});

test('hosts are listed by name, with their cell, their zone and whether they are enabled', async () => {
  await addZone(fixture, 'az1', [h22]);
  await disableHost(fixture.api, h12);
  await query(fixture.api, 'delete from host_mappings where host = :h21', { h21 });
  const at = expect.stringMatching(/^\d{4}-/);
  expect(await listHosts(fixture.api)).toEqual([
    { host: h11, cell: 'cell1', zone: 'nova', enabled: true, updatedAt: at },
    { host: h12, cell: 'cell1', zone: 'nova', enabled: false, updatedAt: at },
    { host: h22, cell: 'cell2', zone: 'az1', enabled: true, updatedAt: at },
  ]);
  const [{ updatedAt: made } = { updatedAt: '' }, { updatedAt: changed } = { updatedAt: '' }] = await listHosts(fixture.api);
  expect(Date.parse(changed)).toBeGreaterThan(Date.parse(made));

  await query(fixture.api, `update resource_providers set updated_at = '2020-01-01'`);
  await saveHosts(fixture.api, cell(0), [newHost(h12), newHost('last')]);
  const listed = await listHosts(fixture.api);
  expect(listed.map(({ host }) => host)).toEqual([h11, h12, h22, 'last']);
  expect(listed.map(({ updatedAt }) => updatedAt.startsWith('2020'))).toEqual([true, false, true, false]);
});

test('what is allocated of hosts is listed, of one cell or of all', async () => {
  await occupy(h11);
  await occupy(h11);
  await query(
    fixture.api,
    `update inventories set reserved = 1, allocation_ratio = 2 where resource_class = 'VCPU' and resource_provider_id = ${hostOf(h11)}`,
  );
  await disableHost(fixture.api, h12);
  await query(fixture.api, `update cell_mappings set disabled = true where name = 'cell2'`);
  const [first, second, ...others] = await listHostCapacities(fixture.api, null);
  expect(first).toEqual({
    ...{ host: h11, cell: 'cell1', zone: 'nova', enabled: true, pickable: true, servers: 2 },
    capacity: { VCPU: { total: 30, used: 4 }, MEMORY_MB: { total: 65_536, used: 1_024 }, DISK_GB: { total: 500, used: 2 } },
  });
  expect(second).toMatchObject({ host: h12, enabled: false, pickable: false, servers: 0 });
  expect(others).toMatchObject([
    { host: h21, cell: 'cell2', enabled: true, pickable: false },
    { host: h22, cell: 'cell2', enabled: true, pickable: false },
  ]);
  expect((await listHostCapacities(fixture.api, 'cell2')).map(({ host }) => host)).toEqual([h21, h22]);
  expect(await listHostCapacities(fixture.api, 'cell3')).toEqual([]);
});

test('more hosts than one answer holds are read on', async () => {
  await fixture.addHosts({ cells: 3, hosts: 1_500 });
  expect(new Set((await listHosts(fixture.api)).map(({ host }) => host)).size).toBe(4_500);
  expect(await listHosts(fixture.api)).toHaveLength(4_500);
  const capacities = await listHostCapacities(fixture.api, 'cell2');
  expect(capacities).toHaveLength(1_500);
  expect(new Set(capacities.map(({ cell: name }) => name))).toEqual(new Set(['cell2']));
  const all = await listHostCapacities(fixture.api, null);
  expect(new Set(all.map(({ host }) => host)).size).toBe(4_500);
  expect(all).toHaveLength(4_500);
  const mappings = await listHostMappings(fixture.api, null);
  expect(new Set(mappings.map(({ host }) => host)).size).toBe(4_500);
  expect(mappings).toHaveLength(4_500);
});

test('the numbers of hosts go on from the highest behind the prefix', async () => {
  for (const host of ['web-9', 'web-10', 'web-x', 'web-1234567890', 'other-77', 'web'])
    await saveHosts(fixture.api, cell(0), [newHost(host)]);
  expect(await lastHostNumber(fixture.api, 'web-')).toBe(10);
  expect(await lastHostNumber(fixture.api, 'other-')).toBe(77);
  expect(await lastHostNumber(fixture.api, 'none-')).toBe(0);
  expect(await lastHostNumber(fixture.api, 'cell1-host')).toBe(2);
});

test('a mapped host is found with its cell and its servers', async () => {
  await occupy(h11);
  expect(await findHost(fixture.api, h11)).toEqual({
    cell: 'cell1',
    database_connection: 'rds-data://none/cell1?secret=none',
    generation: 0,
    servers: 1,
  });
  expect(await findHost(fixture.api, h21)).toMatchObject({ cell: 'cell2', servers: 0 });
  await query(fixture.api, 'delete from host_mappings where host = :h12', { h12 });
  expect(await findHost(fixture.api, h12)).toBeUndefined();
});

test('a host is disabled once however often it is asked, and enabled only as it was found', async () => {
  await disableHost(fixture.api, h11);
  await disableHost(fixture.api, h11);
  expect(
    await sql(fixture, `select name, traits, generation, updated_at is not null as touched from resource_providers where generation > 0`),
  ).toEqual([{ name: h11, traits: [disabledTrait], generation: 2, touched: true }]);
  expect(await nothing(() => enableHost(fixture.api, h11, 1)), 'disabled since').toBe(false);
  expect(await nothing(() => enableHost(fixture.api, h11, 3))).toBe(false);
  await query(fixture.api, 'update resource_providers set generation = 2, updated_at = null, traits = array[:disabledTrait, :other]', {
    disabledTrait,
    other: 'HW',
  });
  expect(await enableHost(fixture.api, h11, 2)).toBe(true);
  expect(await sql(fixture, `select traits, updated_at is not null as touched from resource_providers order by name`)).toEqual([
    { traits: ['HW'], touched: true },
    ...Array.from({ length: 3 }, () => ({ traits: [disabledTrait, 'HW'], touched: false })),
  ]);
});

test('a host that is not mapped is neither disabled nor enabled', async () => {
  await query(fixture.api, 'delete from host_mappings where host = :h11', { h11 });
  await nothing(() => disableHost(fixture.api, h11));
  expect(await nothing(() => enableHost(fixture.api, h11, 0))).toBe(false);
});

test('mappings are listed by host, of one cell or of all', async () => {
  expect((await listHostMappings(fixture.api, null)).map(({ host }) => host)).toEqual([h11, h12, h21, h22]);
  expect(await listHostMappings(fixture.api, cell(1))).toEqual([
    { host: h21, cell: 'cell2', cell_uuid: cell(1) },
    { host: h22, cell: 'cell2', cell_uuid: cell(1) },
  ]);
  expect(await findHostMapping(fixture.api, 'none')).toBeUndefined();
});

test('a host without allocations is removed, with all that placement knows of it; one with any stays', async () => {
  await occupy(h12);
  expect(await nothing(() => removeHost(fixture.api, h12))).toBe(false);
  expect(await removeHost(fixture.api, h11)).toBe(true);
  expect((await listHostMappings(fixture.api, null)).map(({ host }) => host)).toEqual([h12, h21, h22]);
  expect(await provider(h11)).toEqual([]);
  expect(await sql(fixture, 'select count(distinct resource_provider_id)::int as hosts, count(*)::int as rows from inventories')).toEqual([
    { hosts: 3, rows: 9 },
  ]);
  expect(await nothing(() => removeHost(fixture.api, 'none'))).toBe(true);
});

test('a host goes with what it has still to end: then the places of deleted servers are free, and nobody looks after them', async () => {
  const { servers } = await fixture.accept(2);
  const [deleted = '', living = ''] = servers;
  const hold = (server: string, host: string) =>
    query(
      fixture.api,
      `with place as (
         insert into allocations (consumer_id, resource_provider_id, resource_class, used)
         select :server::uuid, id, 'VCPU', 1 from resource_providers where name = :host),
       mapped as (
         update instance_mappings m set cell_id = c.id, queued_for_delete = :deleted from cell_mappings c where m.instance_uuid = :server::uuid and c.name = 'cell1')
       insert into pending_cleanups (instance_uuid, cell_id) select :server::uuid, id from cell_mappings where name = 'cell1'`,
      { server, host, deleted: server === deleted },
    );
  await hold(deleted, h11);
  await hold(living, h12);
  expect(await nothing(() => removeHost(fixture.api, h12))).toBe(false);
  expect(await removeHost(fixture.api, h11)).toBe(true);
  expect(await sql(fixture, 'select consumer_id as server from allocations')).toEqual([{ server: living }]);
  expect(await sql(fixture, 'select instance_uuid as server from pending_cleanups')).toEqual([{ server: living }]);
});
