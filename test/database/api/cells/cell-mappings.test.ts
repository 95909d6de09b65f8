/** The register of cells: each names a database and a bus of its own, and goes only when nothing refers to it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type CellMapping,
  createCellMapping,
  findCellContents,
  listCellMappings,
  removeCell,
  saveCellMapping,
  updateCellMapping,
} from '../../../../database/api/cells/cell-mappings.ts';
import { noteOrphanedRows } from '../../../../database/api/cells/pending-cleanups.ts';
import { claim } from '../../../../database/api/hosts/allocations.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
let cells: CellMapping[];
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(async () => {
  await fixture.addHosts({ cells: 2, hosts: 2 });
  cells = await listCellMappings(fixture.api);
});

const uuidOf = (index: number) => cells[index]?.uuid ?? '';
const newCell = (changes: Partial<CellMapping> = {}): CellMapping => ({
  ...{
    uuid: randomUUID(),
    name: 'new',
    transport_url: 'none:///',
    database_connection: 'rds-data://none/new?secret=none',
    disabled: false,
  },
  ...changes,
});
const nothing = <Result>(run: () => Promise<Result>) => changesNothing(fixture.api, run);
const find = async (uuid: string) => (await listCellMappings(fixture.api)).find((cell) => cell.uuid === uuid);
const touched = (uuid: string) => sql(fixture, `select updated_at is not null as touched from cell_mappings where uuid = '${uuid}'`);

test('cells are listed by name, then by uuid', async () => {
  const [one, two] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
  await createCellMapping(fixture.api, newCell({ uuid: two, name: 'a', database_connection: 'x' }));
  await createCellMapping(fixture.api, newCell({ uuid: one, name: 'a', database_connection: 'y' }));
  expect((await listCellMappings(fixture.api)).map(({ name, uuid }) => [name, uuid])).toEqual([
    ...[
      ['a', one],
      ['a', two],
    ],
    ...[
      ['cell1', uuidOf(0)],
      ['cell2', uuidOf(1)],
    ],
  ]);
});

test('a deployment saves its cell, and moves its name and its connection when it is there', async () => {
  const cell = newCell();
  await saveCellMapping(fixture.api, cell);
  expect(await find(cell.uuid)).toEqual(cell);
  expect(await touched(cell.uuid)).toEqual([{ touched: false }]);
  const moved = { ...cell, name: 'moved', database_connection: 'elsewhere' };
  await saveCellMapping(fixture.api, moved);
  expect(await find(cell.uuid)).toEqual(moved);
  expect(await touched(cell.uuid)).toEqual([{ touched: true }]);
  expect(await listCellMappings(fixture.api)).toHaveLength(3);
});

test('a new cell is registered once, with all that is said of it', async () => {
  const cell = newCell({ disabled: true, transport_url: 'rabbit://bus' });
  expect(await createCellMapping(fixture.api, cell)).toBeUndefined();
  expect(await find(cell.uuid)).toEqual(cell);
  expect(await nothing(() => createCellMapping(fixture.api, cell))).toBeUndefined();
});

test('no two cells have one database, or one bus that is real', async () => {
  const first = newCell({ transport_url: 'rabbit://bus' });
  await createCellMapping(fixture.api, first);
  const other = newCell({ database_connection: 'other' });
  expect(await nothing(() => createCellMapping(fixture.api, newCell()))).toBe(first.uuid);
  expect(await nothing(() => createCellMapping(fixture.api, { ...other, transport_url: 'rabbit://bus' }))).toBe(first.uuid);
  expect(await createCellMapping(fixture.api, other), 'no bus is shared by all').toBeUndefined();
  expect(await nothing(() => updateCellMapping(fixture.api, other.uuid, { database_connection: first.database_connection }))).toBe(
    first.uuid,
  );
  expect(await nothing(() => updateCellMapping(fixture.api, other.uuid, { transport_url: 'rabbit://bus' }))).toBe(first.uuid);
  expect(await updateCellMapping(fixture.api, other.uuid, { transport_url: 'none:///' })).toBeUndefined();
  expect(
    await updateCellMapping(fixture.api, first.uuid, { transport_url: 'rabbit://bus', database_connection: first.database_connection }),
  ).toBeUndefined();
});

test('what is given of a cell changes, and nothing else', async () => {
  const cell = newCell();
  await createCellMapping(fixture.api, cell);
  const changes: Partial<CellMapping>[] = [
    { name: 'other' },
    { transport_url: 'rabbit://x' },
    { database_connection: 'there' },
    { disabled: true },
    { disabled: false },
  ];
  let expected = cell;
  for (const change of changes) {
    expected = { ...expected, ...change };
    expect(await updateCellMapping(fixture.api, cell.uuid, change)).toBeUndefined();
    expect(await find(cell.uuid)).toEqual(expected);
  }
  expect(await touched(cell.uuid)).toEqual([{ touched: true }]);
  expect(await find(uuidOf(0))).toEqual(cells[0]);
});

/** Puts a server, or what is left of one, into the first cell. */
const servers: Readonly<Record<string, () => Promise<unknown>>> = {
  async 'a server lives there'() {
    await fixture.accept(1);
    await query(fixture.api, 'update instance_mappings set cell_id = (select id from cell_mappings where uuid = :cell::uuid)', {
      cell: uuidOf(0),
    });
    await query(fixture.api, 'delete from build_requests');
  },
  async 'a server is on its way there'() {
    await fixture.accept(1);
    await query(fixture.api, 'update build_requests set cell_id = (select id from cell_mappings where uuid = :cell::uuid)', {
      cell: uuidOf(0),
    });
  },
  async 'a server has a claim on one of its hosts'() {
    const {
      execution,
      servers: [server = ''],
    } = await fixture.accept(1);
    const [{ id } = { id: 0 }] = await sql<{ id: number }>(fixture, `select id from resource_providers where name = 'cell1-host1'`);
    await claim(fixture.api, execution, [{ server, provider: id, resources: { VCPU: 1, MEMORY_MB: 1, DISK_GB: 1 } }], null);
  },
};

test.each(Object.keys(servers))('a cell stays while %s', async (why) => {
  await servers[why]?.();
  expect(await findCellContents(fixture.api, uuidOf(0))).toEqual({ hosts: 2, servers: 1, deleted: 0 });
  expect(await findCellContents(fixture.api, uuidOf(1))).toEqual({ hosts: 2, servers: 0, deleted: 0 });
  expect(await nothing(() => removeCell(fixture.api, uuidOf(0)))).toEqual({ hosts: 2, servers: 1, deleted: 0 });
});

test('a cell stays while the index has a deleted server of it', async () => {
  await fixture.accept(1);
  await query(fixture.api, 'delete from build_requests');
  await query(
    fixture.api,
    'update instance_mappings set queued_for_delete = true, cell_id = (select id from cell_mappings where uuid = :cell::uuid)',
    { cell: uuidOf(0) },
  );
  expect(await findCellContents(fixture.api, uuidOf(0))).toEqual({ hosts: 2, servers: 0, deleted: 1 });
  expect(await findCellContents(fixture.api, uuidOf(1))).toEqual({ hosts: 2, servers: 0, deleted: 0 });
  expect(await nothing(() => removeCell(fixture.api, uuidOf(0)))).toEqual({ hosts: 2, servers: 0, deleted: 1 });
});

test('an empty cell goes, with its hosts, what placement knows of them, and what was noted for it', async () => {
  for (const index of [0, 1]) await noteOrphanedRows(fixture.api, uuidOf(index), [{ uuid: randomUUID(), fencing_token: 1 }]);
  expect(await removeCell(fixture.api, uuidOf(0))).toBeUndefined();
  expect((await listCellMappings(fixture.api)).map(({ uuid }) => uuid)).toEqual([uuidOf(1)]);
  expect(await sql(fixture, 'select host from host_mappings order by 1')).toEqual([{ host: 'cell2-host1' }, { host: 'cell2-host2' }]);
  expect(await sql(fixture, 'select name from resource_providers order by 1')).toEqual([{ name: 'cell2-host1' }, { name: 'cell2-host2' }]);
  expect(await sql(fixture, 'select count(*)::int as rows from inventories')).toEqual([{ rows: 6 }]);
  expect(await sql(fixture, 'select count(*)::int as rows from pending_cleanups')).toEqual([{ rows: 1 }]);
  expect(await findCellContents(fixture.api, uuidOf(0))).toBeUndefined();
  expect(await nothing(() => removeCell(fixture.api, uuidOf(0)))).toBeUndefined();
});
