/** Releases: of quota, allocations and membership, each once, and of no server that another owner has taken over. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { claim } from '../../../../database/api/hosts/allocations.ts';
import {
  endServers,
  releaseAllocationsOfDeleted,
  releaseAllocationsOfFailed,
  releaseServers,
  releaseUnusableAllocations,
} from '../../../../database/api/servers/release.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { newGroup, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { accept } from '../../../fixtures/acceptance.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
let providers: number[];
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
  await fixture.addHosts({ cells: 2, hosts: 1, vcpus: 1_000 });
  providers = (await sql<{ id: number }>(fixture, 'select id from resource_providers order by id')).map(({ id }) => id);
  await query(fixture.api, `insert into quota_usages (project_id) values ('project')`);
});
afterAll(() => fixture?.stop());

/** Two servers of one execution with a claim each on the first host, the neighbour in the other cell. */
let server: string;
let neighbour: string;
let execution: string;
beforeEach(async () => {
  const group = await newGroup(fixture, 'soft-affinity');
  const limits = { instances: 99, cores: 99, ram: 99_999 };
  const accepted = await accept(fixture.api, {
    count: 2,
    projectId: 'project',
    flavor: { vcpus: 2 },
    spec: { group },
    defaultLimits: limits,
  });
  [server = '', neighbour = ''] = accepted.uuids;
  execution = accepted.reservationId;
  const resources = { VCPU: 2, MEMORY_MB: 512, DISK_GB: 1 };
  await claim(
    fixture.api,
    execution,
    accepted.uuids.map((uuid) => ({ server: uuid, provider: providers[0] ?? 0, resources })),
    null,
  );
  await query(
    fixture.api,
    `update instance_mappings m set fencing_token = 4, cell_id = case when instance_uuid = :server::uuid then c.first else c.last end
     from (select min(id) as first, max(id) as last from cell_mappings) c where instance_uuid in (:server::uuid, :neighbour::uuid)`,
    { server, neighbour },
  );
  await query(
    fixture.api,
    'insert into pending_cleanups (instance_uuid, cell_id) select instance_uuid, c.id from instance_mappings cross join cell_mappings c where instance_uuid in (:server::uuid, :neighbour::uuid)',
    { server, neighbour },
  );
});

const use = () =>
  sql<{ instances: number; cores: number; ram: number }>(
    fixture,
    `select instances, cores, ram::int from quota_usages where project_id = 'project'`,
  );
const used = () =>
  sql<{ used: number }>(fixture, `select used::int from inventories where resource_provider_id = ${providers[0]} order by resource_class`);
const allocations = (uuid: string) => sql(fixture, `select resource_class from allocations where consumer_id = '${uuid}'`);
const members = (uuid: string) => sql(fixture, `select id from instance_group_member where instance_uuid = '${uuid}'`);
/** The server is deleted, and nothing is left to do for it in its cell. */
const deleted = (since = '1 minute') =>
  query(
    fixture.api,
    `with done as (
       delete from pending_cleanups p using instance_mappings m
       where m.instance_uuid = :server::uuid and p.instance_uuid = m.instance_uuid and p.cell_id = m.cell_id)
     update instance_mappings set queued_for_delete = true, updated_at = now() - '${since}'::interval where instance_uuid = :server::uuid`,
    { server },
  );

/** Runs something that releases what the server holds on its host, and nothing of its neighbour. */
async function frees<Result>(run: () => Promise<Result>): Promise<Result> {
  const before = await used();
  const result = await run();
  // In the order of the classes' names: DISK_GB, MEMORY_MB, VCPU.
  expect(await used()).toEqual(before.map(({ used: amount }, index) => ({ used: amount - ([1, 512, 2][index] ?? 0) })));
  expect(await allocations(server)).toEqual([]);
  expect(await allocations(neighbour)).toHaveLength(3);
  return result;
}

const nothing = <Result>(run: () => Promise<Result>) => changesNothing(fixture.api, run);

test('the quota, the allocations and the membership of a deleted server are released, once', async () => {
  const [{ instances, cores, ram } = { instances: 0, cores: 0, ram: 0 }] = await use();
  await query(fixture.api, `insert into quota_usages (project_id, instances, cores, ram) values ('other', 9, 9, 9)`);
  await frees(() => releaseServers(fixture.api, [server]));
  expect(await use()).toEqual([{ instances: instances - 1, cores: cores - 2, ram: ram - 512 }]);
  const others = `select instances, cores, ram::int from quota_usages where project_id = 'other'`;
  expect(await sql(fixture, others)).toEqual([{ instances: 9, cores: 9, ram: 9 }]);
  expect(await members(server)).toEqual([]);
  expect(await members(neighbour)).toHaveLength(1);
  expect(
    await sql(
      fixture,
      `select queued_for_delete, updated_at is not null as touched from instance_mappings where instance_uuid = '${server}'`,
    ),
  ).toEqual([{ queued_for_delete: true, touched: true }]);
  const cells = `select c.name from pending_cleanups join cell_mappings c on c.id = cell_id where instance_uuid = '${server}'`;
  expect(await sql(fixture, cells), 'what another cell has to clean stays').toEqual([{ name: 'cell2' }]);
  const neighbours = `select cell_id from pending_cleanups where instance_uuid = '${neighbour}'`;
  expect(await sql(fixture, neighbours), 'and what its neighbour has').toHaveLength(2);
  await nothing(() => releaseServers(fixture.api, [server]));
});

test.each([
  ['more than its request spec asks for', 'cores = 6, ram = 600', { instances: 1, cores: 6, ram: 600 }],
  ['nothing any more', 'instances = 0, cores = 0, ram = 0', { instances: 0, cores: 0, ram: 0 }],
  ['what a release before this one accepted', 'cores = null, ram = null', { instances: 1, cores: 2, ram: 512 }],
])('a server that holds %s returns that', async (_, holds, returned) => {
  await query(fixture.api, `update instance_mappings set ${holds} where instance_uuid = :server::uuid`, { server });
  await query(fixture.api, `update quota_usages set instances = 50, cores = 50, ram = 10000 where project_id = 'project'`);
  await releaseServers(fixture.api, [server]);
  const { instances, cores, ram } = returned;
  expect(await use()).toEqual([{ instances: 50 - instances, cores: 50 - cores, ram: 10_000 - ram }]);
});

test('a deleted server that its host has still to end has no quota and no group, and keeps its allocations until it is released', async () => {
  const [{ instances } = { instances: 0 }] = await use();
  const dueAt = '2040-01-01T00:00:00.000Z';
  const end = () => endServers(fixture.api, [{ uuid: server, due_at: dueAt }]);
  const before = await used();
  await end();
  await end();
  expect(await use()).toMatchObject([{ instances: instances - 1 }]);
  expect([await used(), await allocations(server)]).toEqual([before, expect.objectContaining({ length: 3 })]);
  expect(await members(server)).toEqual([]);
  const due = `select c.name, due_at = '${dueAt}' as due from pending_cleanups join cell_mappings c on c.id = cell_id where instance_uuid = '${server}' order by 1`;
  expect(await sql(fixture, due), 'the reaper looks when that is due').toMatchObject([{ name: 'cell1', due: true }, { name: 'cell2' }]);
  for (const which of [[server], null]) {
    expect(await nothing(() => releaseAllocationsOfDeleted(fixture.api, which)), 'it is noted').toBe(0);
  }
  await frees(() => releaseServers(fixture.api, [server]));
  await nothing(end);
  expect(await use()).toMatchObject([{ instances: instances - 1 }]);
});

test('the allocations of a failed server are released, and nothing else', async () => {
  const before = await use();
  await frees(() => releaseAllocationsOfFailed(fixture.api, [{ uuid: server, fencing_token: 4 }]));
  expect(await use()).toEqual(before);
  expect(await members(server)).toHaveLength(1);
  await nothing(() => releaseAllocationsOfFailed(fixture.api, [{ uuid: server, fencing_token: 4 }]));
});

test.each([3, 5])('a failed server that has another owner than the one of token %i keeps its allocations', async (fencing_token) => {
  await nothing(() => releaseAllocationsOfFailed(fixture.api, [{ uuid: server, fencing_token }]));
});

test('an allocation on a host that may not be picked is released for the execution that owns the server', async () => {
  const [provider = 0, other = 0] = providers;
  const another = await accept(fixture.api, { count: 1, projectId: 'project', flavor: { vcpus: 2 } });
  await nothing(() => releaseUnusableAllocations(fixture.api, another.reservationId, [{ server, provider }]));
  await nothing(() => releaseUnusableAllocations(fixture.api, execution, [{ server, provider: other }]));
  await frees(() => releaseUnusableAllocations(fixture.api, execution, [{ server, provider }]));
  await nothing(() => releaseUnusableAllocations(fixture.api, execution, [{ server, provider }]));
});

test('what deleted servers hold is freed: of those named, and of all that were deleted within a day', async () => {
  expect(await nothing(() => releaseAllocationsOfDeleted(fixture.api, [server])), 'it lives').toBe(0);
  expect(await nothing(() => releaseAllocationsOfDeleted(fixture.api, null)), 'it lives').toBe(0);
  await deleted('30 hours');
  expect(await nothing(() => releaseAllocationsOfDeleted(fixture.api, null)), 'deleted too long ago').toBe(0);
  expect(await nothing(() => releaseAllocationsOfDeleted(fixture.api, [neighbour])), 'another is named').toBe(0);
  expect(await frees(() => releaseAllocationsOfDeleted(fixture.api, [server]))).toBe(3);
});

test('the last allocations of all are freed as any', async () => {
  await query(fixture.api, 'delete from allocations where consumer_id <> :server::uuid', { server });
  await deleted();
  expect(await releaseAllocationsOfDeleted(fixture.api, [server])).toBe(3);
});

test.each([
  ['23 hours', 3],
  ['25 hours', 0],
])('deleted %s ago, %i allocations are freed', async (since, freed) => {
  await deleted(since);
  expect(await releaseAllocationsOfDeleted(fixture.api, null)).toBe(freed);
  await releaseServers(fixture.api, [server]);
});
