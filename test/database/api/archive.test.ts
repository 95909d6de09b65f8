/** Which deleted servers may leave the index: those of which nothing is left to do, and that were deleted long enough ago. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { deleteMappings, deleteMappingsOf, listCellsWithDeleted, listDeleted } from '../../../database/api/archive.ts';
import { query } from '../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';
import { newGroup, sql } from '../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
let cells: string[];
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(async () => {
  await fixture.addHosts({ cells: 2, hosts: 1 });
  cells = (await sql<{ uuid: string }>(fixture, 'select uuid from cell_mappings order by name')).map(({ uuid }) => uuid);
});

const [noon, later] = ['2026-01-01T12:00:00Z', '2026-01-01T12:00:01Z'];
const cell = (index: number) => cells[index] ?? '';

/** A server that was deleted at noon; by default in the first cell. */
async function gone(of: number | null = 0, group?: string): Promise<string> {
  const {
    servers: [server = ''],
  } = await fixture.accept(1, group === undefined ? {} : { group });
  await query(fixture.api, 'delete from build_requests where instance_uuid = :server::uuid', { server });
  await query(
    fixture.api,
    `update instance_mappings set queued_for_delete = true, updated_at = :noon::timestamptz, cell_id = (select id from cell_mappings where uuid = :cell::uuid)
     where instance_uuid = :server::uuid`,
    { server, noon, cell: of === null ? null : cell(of) },
  );
  return server;
}
const deleted = async (of: string | null, before: string | null = null, after = 0, limit = 100) =>
  (await listDeleted(fixture.api, of, before, after, limit)).map(({ uuid }) => uuid);
const names = async (before: string | null = null) => (await listCellsWithDeleted(fixture.api, before)).map(({ name }) => name);

test('cells with deleted servers are listed by name', async () => {
  expect(await names()).toEqual([]);
  await gone(1);
  expect(await names()).toEqual(['cell2']);
  await gone(0);
  await gone(null);
  expect(await names()).toEqual(['cell1', 'cell2']);
});

test('deleted servers are read by cell, or those of none, in the order of the index', async () => {
  const [a, b, c, other, none] = [await gone(), await gone(), await gone(), await gone(1), await gone(null)];
  expect(await deleted(cell(0))).toEqual([a, b, c]);
  expect(await deleted(cell(1))).toEqual([other]);
  expect(await deleted(null)).toEqual([none]);
  expect(await deleted(cell(0), null, 0, 2)).toEqual([a, b]);
  const [first] = await listDeleted(fixture.api, cell(0), null, 0, 1);
  expect(await deleted(cell(0), null, first?.id)).toEqual([b, c]);
});

test('what was deleted before a time is listed, not what was deleted at it', async () => {
  const server = await gone();
  expect([await deleted(cell(0), noon), await names(noon)]).toEqual([[], []]);
  expect([await deleted(cell(0), later), await names(later)]).toEqual([[server], ['cell1']]);
});

/** What keeps a server in the index. */
const hindrances: Readonly<Record<string, string>> = {
  'that lives': 'update instance_mappings set queued_for_delete = false where instance_uuid = :server::uuid',
  'with a build request': `insert into build_requests (instance_uuid, project_id, reservation_id, request_id, execution, instance) values (:server::uuid, 'p', 'r', 'q', 'e', '{}')`,
  'with an allocation': `insert into allocations (consumer_id, resource_provider_id, resource_class, used) select :server::uuid, min(id), 'VCPU', 1 from resource_providers`,
  'with a pending cleanup': `insert into pending_cleanups (instance_uuid, cell_id) select :server::uuid, id from cell_mappings where name = 'cell2'`,
};

test.each(Object.keys(hindrances))('a server %s stays', async (why) => {
  const [server, other] = [await gone(), await gone()];
  await query(fixture.api, hindrances[why] ?? '', { server });
  expect(await deleted(cell(0))).toEqual([other]);
  expect(await changesNothing(fixture.api, () => deleteMappings(fixture.api, [server]))).toEqual({
    instance_mappings: 0,
    request_specs: 0,
    instance_group_member: 0,
  });
  expect(await deleteMappingsOf(fixture.api, cell(0), 9)).toMatchObject({ instance_mappings: 1 });
  expect(await changesNothing(fixture.api, () => deleteMappingsOf(fixture.api, cell(0), 9))).toMatchObject({ instance_mappings: 0 });
  await query(fixture.api, 'truncate build_requests, allocations, pending_cleanups');
});

test('what its own cell has to clean keeps a server, unless the cell itself goes', async () => {
  const server = await gone();
  await query(
    fixture.api,
    `insert into pending_cleanups (instance_uuid, cell_id) select :server::uuid, id from cell_mappings where name = 'cell1'`,
    { server },
  );
  expect([await deleted(cell(0)), await names()]).toEqual([[], []]);
  expect(await changesNothing(fixture.api, () => deleteMappings(fixture.api, [server]))).toMatchObject({ instance_mappings: 0 });
  expect(await deleteMappingsOf(fixture.api, cell(0), 9)).toMatchObject({ instance_mappings: 1 });
});

test('a server leaves with its spec and its membership, and no other does', async () => {
  const group = await newGroup(fixture, 'affinity');
  const [server, other] = [await gone(0, group), await gone(0, group)];
  expect(await deleteMappings(fixture.api, [server])).toEqual({ instance_mappings: 1, request_specs: 1, instance_group_member: 1 });
  for (const table of ['instance_mappings', 'request_specs', 'instance_group_member']) {
    expect(await sql(fixture, `select instance_uuid from ${table}`)).toEqual([{ instance_uuid: other }]);
  }
  expect(await changesNothing(fixture.api, () => deleteMappings(fixture.api, [server]))).toMatchObject({ instance_mappings: 0 });
});

test('of a cell that goes, as many leave at a time as may', async () => {
  const [, , , other] = [await gone(), await gone(), await gone(), await gone(1)];
  expect(await deleteMappingsOf(fixture.api, cell(0), 2)).toMatchObject({ instance_mappings: 2, request_specs: 2 });
  expect(await deleteMappingsOf(fixture.api, cell(0), 2)).toMatchObject({ instance_mappings: 1 });
  expect(await deleteMappingsOf(fixture.api, cell(0), 2)).toMatchObject({ instance_mappings: 0 });
  expect(await sql(fixture, 'select instance_uuid from instance_mappings')).toEqual([{ instance_uuid: other }]);
});
