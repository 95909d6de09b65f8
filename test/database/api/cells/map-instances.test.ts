/** Servers that a cell has and the index does not: which they are, and all that follows when they are taken in. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type AdoptedServer, adoptServers, listUnmapped } from '../../../../database/api/cells/map-instances.ts';
import { noteOrphanedRows } from '../../../../database/api/cells/pending-cleanups.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture, tiny } from '../../../../local/bench/scheduler-fixture.ts';
import { sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
let cells: string[];
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(async () => {
  await fixture.addHosts({ cells: 2, hosts: 1, vcpus: 4 });
  await query(fixture.api, 'truncate quota_usages');
  cells = (await sql<{ uuid: string }>(fixture, 'select uuid from cell_mappings order by name')).map(({ uuid }) => uuid);
});

const cell = (index: number) => cells[index] ?? '';
const flavor = { ...tiny, vcpus: 3 };
const server = (changes: Partial<AdoptedServer> = {}): AdoptedServer => ({
  ...{
    uuid: randomUUID(),
    project_id: 'p',
    user_id: 'u',
    created_at: '2026-01-02T03:04:05Z',
    deleted_at: null,
    building: false,
    host: 'cell1-host1',
  },
  ...{ spec: { flavor, image: null, availability_zone: null, scheduler_hints: {} }, resources: { VCPU: 3, MEMORY_MB: 512, DISK_GB: 1 } },
  ...changes,
});
const use = () => sql(fixture, 'select project_id, instances, cores, ram::int from quota_usages order by project_id');
const allocations = () =>
  sql(
    fixture,
    `select p.name as host, a.resource_class, a.used from allocations a join resource_providers p on p.id = resource_provider_id order by 1, 2`,
  );
const used = (host = 'cell1-host1') =>
  sql(
    fixture,
    `select i.used::int from inventories i join resource_providers p on p.id = resource_provider_id where name = '${host}' order by resource_class`,
  );

test('unmapped are those that the index lacks and that this cell is not about to lose', async () => {
  const {
    servers: [mapped = ''],
  } = await fixture.accept(1);
  const [unmapped, orphaned, elsewhere] = [randomUUID(), randomUUID(), randomUUID()];
  await noteOrphanedRows(fixture.api, cell(0), [{ uuid: orphaned, fencing_token: 1 }]);
  await noteOrphanedRows(fixture.api, cell(1), [{ uuid: elsewhere, fencing_token: 1 }]);
  expect((await listUnmapped(fixture.api, cell(0), [mapped, unmapped, orphaned, elsewhere])).toSorted()).toEqual(
    [unmapped, elsewhere].toSorted(),
  );
  expect(await listUnmapped(fixture.api, cell(0), [])).toEqual([]);
});

test('a living server gets its mapping, its spec, its quota and its allocations', async () => {
  const one = server();
  expect(await adoptServers(fixture.api, cell(0), [one])).toBe(1);
  expect(
    await sql(
      fixture,
      `select instance_uuid, c.name as cell, project_id, user_id, queued_for_delete, m.created_at, m.updated_at, fencing_token
       from instance_mappings m join cell_mappings c on c.id = m.cell_id`,
    ),
  ).toEqual([
    {
      ...{ instance_uuid: one.uuid, cell: 'cell1', project_id: 'p', user_id: 'u', queued_for_delete: false, fencing_token: 0 },
      ...{ created_at: '2026-01-02T03:04:05Z', updated_at: null },
    },
  ]);
  expect(await sql(fixture, 'select instance_uuid, spec from request_specs')).toEqual([{ instance_uuid: one.uuid, spec: one.spec }]);
  expect(await use()).toEqual([{ project_id: 'p', instances: 1, cores: 3, ram: 512 }]);
  expect(await allocations()).toEqual([
    { host: 'cell1-host1', resource_class: 'DISK_GB', used: 1 },
    { host: 'cell1-host1', resource_class: 'MEMORY_MB', used: 512 },
    { host: 'cell1-host1', resource_class: 'VCPU', used: 3 },
  ]);
  expect(await used()).toEqual([{ used: 1 }, { used: 512 }, { used: 3 }]);
  expect(await used('cell2-host1')).toEqual([{ used: 0 }, { used: 0 }, { used: 0 }]);
  expect(await sql(fixture, 'select * from pending_cleanups')).toEqual([]);
  expect(await changesNothing(fixture.api, () => adoptServers(fixture.api, cell(0), [one])), 'a second time').toBe(0);
});

test('servers of several projects add to what these use, on a host however full', async () => {
  await query(fixture.api, `insert into quota_usages (project_id, instances, cores, ram) values ('p', 5, 6, 7)`);
  expect(await adoptServers(fixture.api, cell(0), [server(), server(), server({ project_id: 'q' })])).toBe(3);
  expect(await use()).toEqual([
    { project_id: 'p', instances: 7, cores: 12, ram: 1_031 },
    { project_id: 'q', instances: 1, cores: 3, ram: 512 },
  ]);
  expect(await used()).toEqual([{ used: 3 }, { used: 1_536 }, { used: 9 }]);
});

test('a server that is deleted gets its mapping only', async () => {
  const gone = server({ deleted_at: '2026-02-03T04:05:06Z' });
  expect(await adoptServers(fixture.api, cell(0), [gone])).toBe(1);
  expect(await sql(fixture, 'select queued_for_delete, updated_at from instance_mappings')).toEqual([
    { queued_for_delete: true, updated_at: '2026-02-03T04:05:06Z' },
  ]);
  for (const table of ['request_specs', 'quota_usages', 'allocations', 'pending_cleanups'])
    expect(await sql(fixture, `select * from ${table}`)).toEqual([]);
});

test('a build that has not ended is noted for the reaper, and has no allocation without a host', async () => {
  const [building, ended] = [server({ building: true, host: null }), server()];
  await adoptServers(fixture.api, cell(0), [building, ended]);
  expect(
    await sql(fixture, 'select instance_uuid, c.name, fencing_token from pending_cleanups join cell_mappings c on c.id = cell_id'),
  ).toEqual([{ instance_uuid: building.uuid, name: 'cell1', fencing_token: 0 }]);
  expect(await sql(fixture, 'select distinct consumer_id from allocations')).toEqual([{ consumer_id: ended.uuid }]);
});

test('a server has no allocation of what it needs nothing of, nor on a host that placement does not know', async () => {
  await adoptServers(fixture.api, cell(0), [server({ resources: { VCPU: 1, MEMORY_MB: 0, DISK_GB: 0 } }), server({ host: 'ghost' })]);
  expect(await allocations()).toEqual([{ host: 'cell1-host1', resource_class: 'VCPU', used: 1 }]);
});

test('what the index has stays as it is, beside what it lacks', async () => {
  const {
    servers: [known = ''],
  } = await fixture.accept(1);
  await query(fixture.api, 'insert into request_specs (instance_uuid, spec) values (:uuid::uuid, :spec::jsonb) on conflict do nothing', {
    uuid: known,
    spec: {},
  });
  const before = await sql(fixture, 'select * from instance_mappings');
  expect(await adoptServers(fixture.api, cell(0), [server({ uuid: known }), server()])).toBe(1);
  expect(await sql(fixture, `select * from instance_mappings where instance_uuid = '${known}'`)).toEqual(before);
  expect(await use()).toMatchObject([{ instances: 1 }]);
});

test('servers are taken in in the order in which they were accepted', async () => {
  const [late, early] = [server({ created_at: '2026-03-01T00:00:00Z' }), server({ created_at: '2026-01-01T00:00:00Z' })];
  await adoptServers(fixture.api, cell(0), [late, early]);
  expect(await sql(fixture, 'select instance_uuid as uuid from instance_mappings order by id')).toEqual([
    { uuid: early.uuid },
    { uuid: late.uuid },
  ]);
});

test('an allocation, and a spec, that are there are kept', async () => {
  const one = server();
  await query(fixture.api, `insert into request_specs (instance_uuid, spec) values (:uuid::uuid, '{}')`, { uuid: one.uuid });
  await query(
    fixture.api,
    `insert into allocations (consumer_id, resource_provider_id, resource_class, used) select :uuid::uuid, id, 'VCPU', 7 from resource_providers where name = 'cell1-host1'`,
    { uuid: one.uuid },
  );
  await adoptServers(fixture.api, cell(0), [one]);
  expect(await sql(fixture, 'select spec from request_specs')).toEqual([{ spec: {} }]);
  expect(await allocations()).toMatchObject([{ used: 1 }, { used: 512 }, { used: 7 }]);
  expect(await used()).toEqual([{ used: 1 }, { used: 512 }, { used: 0 }]);
});
