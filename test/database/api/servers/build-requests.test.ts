/**
 * The way of a server into its cell, as the api database sees it. Who does not own the server changes nothing: another execution, an earlier token, another
 * target cell.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { claim } from '../../../../database/api/hosts/allocations.ts';
import { commitToCell, releaseTargetCell, removeBuildRequest, setTargetCell } from '../../../../database/api/servers/build-requests.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { newGroup, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { accept } from '../../../fixtures/acceptance.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
/** uuids of three cells, and what they have as ids. */
let cells: [string, string, string];
let ids: [number, number, number];
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
  await fixture.addHosts({ cells: 3, hosts: 1, vcpus: 1_000 });
  const rows = await sql<{ id: number; uuid: string }>(fixture, 'select id, uuid from cell_mappings order by id');
  const [a, b, c] = rows;
  if (!a || !b || !c) throw new Error('three cells were added');
  cells = [a.uuid, b.uuid, c.uuid];
  ids = [a.id, b.id, c.id];
});
afterAll(() => fixture?.stop());

/** The server that a test is about, in a group, with an allocation, and one beside it of the same execution. */
let server: string;
let neighbour: string;
let execution: string;
let project: string;
beforeEach(async () => {
  await query(fixture.api, `insert into quota_usages (project_id) values ('project') on conflict do nothing`);
  const group = await newGroup(fixture, 'soft-affinity');
  const accepted = await accept(fixture.api, {
    count: 2,
    projectId: 'project',
    spec: { group },
    defaultLimits: { instances: 99, cores: 99, ram: 99_999 },
  });
  [server = '', neighbour = ''] = accepted.uuids;
  execution = accepted.reservationId;
  project = accepted.template.project_id;
  const [{ id: provider } = { id: 0 }] = await sql<{ id: number }>(fixture, 'select id from resource_providers order by id limit 1');
  await claim(
    fixture.api,
    execution,
    [server, neighbour].map((uuid) => ({ server: uuid, provider, resources: { VCPU: 1, MEMORY_MB: 1, DISK_GB: 1 } })),
    null,
  );
  // Whatever a statement does at a time of its own is seen to be later.
  await query(fixture.api, `update build_requests set updated_at = now() - interval '1 hour'`);
});

const requestOf = (uuid: string) =>
  sql(
    fixture,
    `select execution, cell_id, fencing_token, updated_at > now() - interval '1 minute' as touched from build_requests where instance_uuid = '${uuid}'`,
  );
const mappingOf = (uuid: string) =>
  sql(
    fixture,
    `select cell_id, execution, fencing_token, queued_for_delete, updated_at is not null as touched from instance_mappings where instance_uuid = '${uuid}'`,
  );
const cleanupsOf = (uuid: string) =>
  sql(fixture, `select cell_id, fencing_token from pending_cleanups where instance_uuid = '${uuid}' order by cell_id`);
const allocationsOf = (uuid: string) => sql(fixture, `select resource_class from allocations where consumer_id = '${uuid}'`);
const used = () => sql(fixture, 'select sum(used)::int as used from inventories');

const nothing = <Result>(run: () => Promise<Result>) => changesNothing(fixture.api, run);

test('the owner sets the target cell and reads what it needs', async () => {
  const found = await setTargetCell(fixture.api, execution, [server], cells[0]);
  expect([...found.keys()]).toEqual([server]);
  expect(found.get(server)).toEqual({
    instance: expect.objectContaining({ uuid: server, tags: ['web'], block_device_mappings: [] }),
    former: null,
    requestId: expect.stringMatching(/^req-/),
    spec: expect.objectContaining({ flavor: expect.objectContaining({ flavorid: '1' }) }),
    mappedTo: null,
    connection: 'rds-data://none/cell1?secret=none',
    fencingToken: 1,
  });
  expect(await requestOf(server)).toEqual([{ execution, cell_id: ids[0], fencing_token: 1, touched: true }]);
  expect(await requestOf(neighbour)).toEqual([{ execution, cell_id: null, fencing_token: 1, touched: false }]);
  expect(await cleanupsOf(server)).toEqual([]);
});

test('the same target cell again changes no token; another one does, and the first gets a cleanup', async () => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  expect((await setTargetCell(fixture.api, execution, [server], cells[0])).get(server)?.fencingToken).toBe(1);
  expect(await cleanupsOf(server)).toEqual([]);
  expect((await setTargetCell(fixture.api, execution, [server, neighbour], cells[1])).get(server)?.fencingToken).toBe(2);
  expect(await requestOf(server)).toEqual([{ execution, cell_id: ids[1], fencing_token: 2, touched: true }]);
  expect(await cleanupsOf(server)).toEqual([{ cell_id: ids[0], fencing_token: 1 }]);
  expect(await requestOf(neighbour)).toEqual([{ execution, cell_id: ids[1], fencing_token: 1, touched: true }]);
  expect(await cleanupsOf(neighbour)).toEqual([]);
});

test('another execution sets no target cell, and learns nothing of the server but its spec', async () => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  const found = await nothing(() => setTargetCell(fixture.api, 'another', [server], cells[1]));
  expect(found.get(server)).toMatchObject({ instance: null, requestId: null, mappedTo: null, fencingToken: null });
});

test('a cell that is not registered is no target', async () => {
  const found = await nothing(() => setTargetCell(fixture.api, execution, [server], '11111111-1111-4111-8111-111111111111'));
  expect(found.get(server)).toMatchObject({ instance: null, connection: null });
});

test('a server that is being deleted is left out', async () => {
  await removeBuildRequest(fixture.api, server);
  expect([...(await nothing(() => setTargetCell(fixture.api, execution, [server], cells[0]))).keys()]).toEqual([]);
});

test('a server that has its cell names it, and its token to its owner only', async () => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  await commitToCell(fixture.api, execution, [{ uuid: server, fencing_token: 1 }], cells[0], 'keep');
  const again = (by: string) => nothing(() => setTargetCell(fixture.api, by, [server], cells[0]));
  expect((await again(execution)).get(server)).toMatchObject({ instance: null, mappedTo: cells[0], fencingToken: 1 });
  expect((await again('another')).get(server)).toMatchObject({ instance: null, mappedTo: cells[0], fencingToken: null });
});

test('a commit moves the server from its build request to its cell, where a build is pending', async () => {
  await setTargetCell(fixture.api, execution, [server, neighbour], cells[0]);
  const before = await used();
  const committed = await commitToCell(fixture.api, execution, [{ uuid: server, fencing_token: 1 }], cells[0], 'keep');
  expect(committed).toEqual(new Set([server]));
  expect(await requestOf(server)).toEqual([]);
  expect(await mappingOf(server)).toEqual([{ cell_id: ids[0], execution, fencing_token: 1, queued_for_delete: false, touched: true }]);
  expect(await cleanupsOf(server)).toEqual([{ cell_id: ids[0], fencing_token: 1 }]);
  expect(await allocationsOf(server)).toHaveLength(3);
  expect(await used()).toEqual(before);
  expect(await requestOf(neighbour)).toHaveLength(1);
  expect(await mappingOf(neighbour)).toMatchObject([{ cell_id: null }]);
});

test('a burial releases the allocations in the same statement, and nothing is pending', async () => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  const [{ used: before } = { used: 0 }] = await sql<{ used: number }>(fixture, 'select sum(used)::int as used from inventories');
  expect(await commitToCell(fixture.api, execution, [{ uuid: server, fencing_token: 1 }], cells[0], 'release')).toEqual(new Set([server]));
  expect(await allocationsOf(server)).toEqual([]);
  expect(await used()).toEqual([{ used: before - 3 }]);
  expect(await allocationsOf(neighbour)).toHaveLength(3);
  expect(await cleanupsOf(server)).toEqual([]);
});

test.each<[string, () => Parameters<typeof commitToCell>]>([
  ['another execution', () => [fixture.api, 'another', [{ uuid: server, fencing_token: 2 }], cells[1], 'keep']],
  ['an earlier token', () => [fixture.api, execution, [{ uuid: server, fencing_token: 1 }], cells[1], 'keep']],
  ['a later token', () => [fixture.api, execution, [{ uuid: server, fencing_token: 3 }], cells[1], 'release']],
  ['another target cell', () => [fixture.api, execution, [{ uuid: server, fencing_token: 2 }], cells[0], 'release']],
  ['a cell that is not registered', () => [fixture.api, execution, [{ uuid: server, fencing_token: 2 }], neighbour, 'keep']],
])('a commit of %s changes nothing', async (_, parameters) => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  await setTargetCell(fixture.api, execution, [server], cells[1]);
  expect(await nothing(() => commitToCell(...parameters()))).toEqual(new Set());
});

test('a commit sent twice answers the same; an execution that did not commit learns so', async () => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  const commit = (by: string, fencing_token: number, cell = cells[0]) =>
    commitToCell(fixture.api, by, [{ uuid: server, fencing_token }], cell, 'keep');
  await commit(execution, 1);
  expect(await nothing(() => commit(execution, 1))).toEqual(new Set([server]));
  expect(await nothing(() => commit('another', 1))).toEqual(new Set());
  expect(await nothing(() => commit(execution, 2))).toEqual(new Set());
  expect(await nothing(() => commit(execution, 1, cells[1]))).toEqual(new Set());
  await query(fixture.api, `update instance_mappings set queued_for_delete = true where instance_uuid = :server::uuid`, { server });
  expect(await nothing(() => commit(execution, 1))).toEqual(new Set());
});

test('a mapping that has a cell keeps it', async () => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  await query(fixture.api, `update instance_mappings set cell_id = :cell::int where instance_uuid = :server::uuid`, {
    server,
    cell: ids[2],
  });
  expect(await commitToCell(fixture.api, execution, [{ uuid: server, fencing_token: 1 }], cells[0], 'keep')).toEqual(new Set());
  expect(await mappingOf(server)).toMatchObject([{ cell_id: ids[2] }]);
});

test('the owner releases its target cell, and nothing written there can be committed any more', async () => {
  await setTargetCell(fixture.api, execution, [server, neighbour], cells[0]);
  await query(fixture.api, `update build_requests set updated_at = now() - interval '1 hour'`);
  expect(await releaseTargetCell(fixture.api, execution, server)).toBe(true);
  expect(await requestOf(server)).toEqual([{ execution, cell_id: null, fencing_token: 2, touched: true }]);
  expect(await cleanupsOf(server)).toEqual([{ cell_id: ids[0], fencing_token: 1 }]);
  expect(await allocationsOf(server)).toEqual([]);
  expect(await requestOf(neighbour)).toEqual([{ execution, cell_id: ids[0], fencing_token: 1, touched: false }]);
  expect(await allocationsOf(neighbour)).toHaveLength(3);
  expect(await nothing(() => commitToCell(fixture.api, execution, [{ uuid: server, fencing_token: 1 }], cells[0], 'keep'))).toEqual(
    new Set(),
  );
});

test('without a target cell the allocations are released, and no token is spent', async () => {
  expect(await releaseTargetCell(fixture.api, execution, server)).toBe(true);
  expect(await requestOf(server)).toMatchObject([{ cell_id: null, fencing_token: 1 }]);
  expect(await cleanupsOf(server)).toEqual([]);
  expect(await allocationsOf(server)).toEqual([]);
});

test('another execution turns nothing away', async () => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  expect(await nothing(() => releaseTargetCell(fixture.api, 'another', server))).toBe(false);
});

test('a delete before the cell ends the server: mapping, quota, allocations, group, and a cleanup of its target cell', async () => {
  await setTargetCell(fixture.api, execution, [server], cells[0]);
  const use = `select instances, cores, ram::int from quota_usages where project_id = '${project}'`;
  const [before] = await sql<{ instances: number; cores: number; ram: number }>(fixture, use);
  expect(await removeBuildRequest(fixture.api, server)).toBe(true);
  expect(await requestOf(server)).toEqual([]);
  expect(await mappingOf(server)).toEqual([{ cell_id: null, execution: null, fencing_token: 0, queued_for_delete: true, touched: true }]);
  expect(await cleanupsOf(server)).toEqual([{ cell_id: ids[0], fencing_token: 1 }]);
  expect(await allocationsOf(server)).toEqual([]);
  const { instances = 0, cores = 0, ram = 0 } = before ?? {};
  expect(await sql(fixture, use)).toEqual([{ instances: instances - 1, cores: cores - 1, ram: ram - 512 }]);
  expect(await sql(fixture, `select * from instance_group_member where instance_uuid = '${server}'`)).toEqual([]);
  expect(await requestOf(neighbour)).toHaveLength(1);
  expect(await sql(fixture, `select * from instance_group_member where instance_uuid = '${neighbour}'`)).toHaveLength(1);
  expect(await nothing(() => removeBuildRequest(fixture.api, server)), 'a second time').toBe(false);
});

test('a delete before there is a target cell leaves nothing to clean', async () => {
  await removeBuildRequest(fixture.api, server);
  expect(await cleanupsOf(server)).toEqual([]);
});
