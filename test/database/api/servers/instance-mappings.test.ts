/** The index: one server, whose it is and where; and stretches of it, in the order of acceptance. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  findAnyInstanceMapping,
  findInstanceMapping,
  findInstanceMappingToChange,
  type IndexRange,
  listInstanceMappings,
} from '../../../../database/api/servers/instance-mappings.ts';
import { query } from '../../../../database/data-api/client.ts';
import { initialValues } from '../../../../database/servers/columns.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { newGroup, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(() => fixture.addHosts({ cells: 2, hosts: 0 }));

const uuidOf = async (name: string) =>
  (await sql<{ uuid: string }>(fixture, `select uuid from cell_mappings where name = '${name}'`))[0]?.uuid ?? '';
/** A server that waits for a cell, whose build request holds a name. */
async function waiting(name = 'web', group?: string): Promise<string> {
  const {
    servers: [server = ''],
  } = await fixture.accept(1, group === undefined ? {} : { group });
  await query(
    fixture.api,
    `update build_requests set instance = jsonb_build_object('name', :name), tags = '["blue"]' where instance_uuid = :server::uuid`,
    { server, name },
  );
  return server;
}
async function mapped(cell = 'cell1', project = 'project'): Promise<string> {
  const server = await waiting();
  await query(fixture.api, 'delete from build_requests where instance_uuid = :server::uuid', { server });
  await query(
    fixture.api,
    `update instance_mappings set cell_id = (select id from cell_mappings where name = :cell), project_id = :project, fencing_token = 3 where instance_uuid = :server::uuid`,
    { server, cell, project },
  );
  return server;
}
const deleted = (server: string) =>
  query(fixture.api, 'update instance_mappings set queued_for_delete = true where instance_uuid = :server::uuid', { server });
const cleanups = () =>
  sql(
    fixture,
    'select instance_uuid as server, c.name as cell, fencing_token from pending_cleanups join cell_mappings c on c.id = cell_id',
  );

test('a server that waits for its cell is read with its build request, its group and its spec', async () => {
  const group = await newGroup(fixture, 'affinity');
  const server = await waiting('web', group);
  await waiting('other', await newGroup(fixture, 'affinity'));
  expect(await findInstanceMapping(fixture.api, server, 'project')).toEqual({
    ...{
      uuid: server,
      projectId: 'project',
      userId: 'user',
      createdAt: expect.any(String),
      queuedForDelete: false,
      cell: null,
      groups: [group],
    },
    buildRequest: { ...initialValues, name: 'web', block_device_mappings: [], tags: ['blue'] },
    spec: expect.objectContaining({ group }),
  });
});

test('a server that has its cell is read with the cell, and no build request', async () => {
  const server = await mapped('cell2');
  const cell = { uuid: await uuidOf('cell2'), name: 'cell2', database_connection: 'rds-data://none/cell2?secret=none' };
  expect(await findInstanceMapping(fixture.api, server, null)).toMatchObject({ cell, buildRequest: null, groups: [] });
  await query(fixture.api, 'delete from request_specs where instance_uuid = :server::uuid', { server });
  expect(await findInstanceMapping(fixture.api, server, null)).toMatchObject({ spec: null });
});

test('while a cell has the server, a build request that is still there does not count', async () => {
  const server = await waiting();
  await query(fixture.api, `update instance_mappings set cell_id = (select min(id) from cell_mappings)`);
  expect(await findInstanceMapping(fixture.api, server, null)).toMatchObject({ cell: { name: 'cell1' }, buildRequest: null });
});

test('another project’s server is not found, and a deleted one only when it is asked for', async () => {
  const server = await mapped();
  for (const find of [findInstanceMapping, findAnyInstanceMapping, findInstanceMappingToChange]) {
    expect(await changesNothing(fixture.api, () => find(fixture.api, server, 'other'))).toBeUndefined();
    expect(await find(fixture.api, randomUUID(), null)).toBeUndefined();
    expect(await find(fixture.api, server, 'project')).toMatchObject({ uuid: server });
    expect(await find(fixture.api, server, null), 'an admin').toMatchObject({ uuid: server });
  }
  await query(fixture.api, 'truncate pending_cleanups');
  await deleted(server);
  expect(await findInstanceMapping(fixture.api, server, 'project')).toBeUndefined();
  expect(await findAnyInstanceMapping(fixture.api, server, 'project')).toMatchObject({ uuid: server, queuedForDelete: true });
  expect(await changesNothing(fixture.api, () => findInstanceMappingToChange(fixture.api, server, null))).toBeUndefined();
});

test('that a delete began is noted in the cell of the server, with the token of its owner', async () => {
  const [server] = [await mapped('cell2'), await mapped('cell1')];
  expect(await findInstanceMappingToChange(fixture.api, server, 'project')).toMatchObject({ cell: { name: 'cell2' } });
  expect(await cleanups()).toEqual([{ server, cell: 'cell2', fencing_token: 3 }]);
  await query(fixture.api, 'truncate pending_cleanups');
  await findInstanceMappingToChange(fixture.api, await waiting(), null);
  expect(await cleanups(), 'a server without a cell leaves nothing to note').toEqual([]);
});

/** Servers as the index lists them; each was accepted a second after the one before. */
async function list(range: Partial<IndexRange> = {}): Promise<string[]> {
  const page = await listInstanceMappings(fixture.api, {
    ...{ projectId: 'project', deleted: false, marker: null, limit: 100, direction: 'desc', filter: undefined, hidden: [] },
    ...range,
  });
  expect(page.markerFound).toBe(true);
  return page.mappings.map(({ uuid }) => uuid);
}

test('the index is read in the order of acceptance, either way, of one project or of all', async () => {
  const [a, b, other] = [await mapped(), await waiting(), await mapped('cell1', 'other')];
  expect(await list()).toEqual([b, a]);
  expect(await list({ direction: 'asc' })).toEqual([a, b]);
  expect(await list({ projectId: null })).toEqual([other, b, a]);
  expect(await list({ projectId: 'other' })).toEqual([other]);
  expect(await list({ limit: 1 })).toEqual([b]);
  expect(await list({ limit: 0 })).toEqual([]);
});

test('servers that were accepted at the same moment follow their ids', async () => {
  const servers = [await mapped(), await mapped(), await mapped()];
  await query(fixture.api, 'update instance_mappings set created_at = now()');
  expect(await list({ direction: 'asc' })).toEqual(servers);
  expect(await list({ direction: 'desc' })).toEqual(servers.toReversed());
  expect(await list({ direction: 'asc', marker: servers[0] ?? '' })).toEqual(servers.slice(1));
  expect(await list({ direction: 'desc', marker: servers[1] ?? '' })).toEqual(servers.slice(0, 1));
});

test('what comes after a marker is read on, though the marker is not listed itself; a foreign one is none', async () => {
  const [a, b, c, other] = [await mapped(), await mapped(), await mapped(), await mapped('cell1', 'other')];
  expect(await list({ marker: b })).toEqual([a]);
  expect(await list({ marker: b, direction: 'asc' })).toEqual([c]);
  expect(await list({ marker: a })).toEqual([]);
  await deleted(b);
  expect(await list({ marker: b })).toEqual([a]);
  const range = { deleted: false, limit: 9, direction: 'desc', filter: undefined, hidden: [] } as const;
  for (const marker of [other, randomUUID(), 'no uuid']) {
    expect(await listInstanceMappings(fixture.api, { ...range, projectId: 'project', marker })).toEqual({
      mappings: [],
      markerFound: false,
    });
  }
  expect(await listInstanceMappings(fixture.api, { ...range, projectId: null, marker: other })).toMatchObject({ markerFound: true });
});

test('deleted servers, living ones, or both', async () => {
  const [gone, lives] = [await mapped(), await mapped()];
  await deleted(gone);
  expect(await list()).toEqual([lives]);
  expect(await list({ deleted: true })).toEqual([gone]);
  expect(await list({ deleted: undefined })).toEqual([lives, gone]);
});

test('servers of hidden cells are left out; those without a cell are not', async () => {
  const [one, two, none] = [await mapped('cell1'), await mapped('cell2'), await waiting()];
  expect(await list({ hidden: [await uuidOf('cell1')] })).toEqual([none, two]);
  expect(await list({ hidden: [await uuidOf('cell1'), await uuidOf('cell2')] })).toEqual([none]);
  expect(await list()).toEqual([none, two, one]);
});

test('a build request that does not match a filter is left out of its mapping', async () => {
  await waiting('web');
  await waiting('db');
  const { mappings } = await listInstanceMappings(fixture.api, {
    ...{ projectId: 'project', deleted: false, marker: null, limit: 9, direction: 'desc', hidden: [] },
    filter: { sql: `doc->>'name' = :wanted`, parameters: { wanted: 'web' } },
  });
  expect(mappings.map(({ buildRequest }) => buildRequest)).toEqual([null, expect.objectContaining({ name: 'web' })]);
});

test('a stretch that one answer does not hold is read on, to its limit', async () => {
  await query(
    fixture.api,
    `with mapped as (
       insert into instance_mappings (instance_uuid, project_id, user_id, created_at)
       select gen_random_uuid(), 'project', 'user', now() + n * interval '1 second' from generate_series(1, 60) n returning instance_uuid)
     insert into build_requests (instance_uuid, project_id, reservation_id, request_id, execution, instance)
     select instance_uuid, 'project', 'r', 'req', 'r', jsonb_build_object('data', repeat('x', 30000)) from mapped`,
  );
  const all = await list({ direction: 'asc' });
  expect(new Set(all).size).toBe(60);
  expect(await list({ direction: 'asc', limit: 55, marker: all[1] ?? '' })).toEqual(all.slice(2, 57));
});
