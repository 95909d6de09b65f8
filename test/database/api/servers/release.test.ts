/** Giving back: quota, allocations and membership, each once, and for nobody whom another owner has taken over. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { claim } from '../../../../database/api/hosts/allocations.ts';
import {
  releaseAllocationsOfFailed,
  releaseClaimsOfDeleted,
  releaseServers,
  releaseUnusableAllocations,
} from '../../../../database/api/servers/release.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerBed, startSchedulerBed } from '../../../../local/bench/scheduler-fixture.ts';
import { newGroup, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { accept } from '../../../fixtures/acceptance.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let bed: SchedulerBed;
let providers: number[];
beforeAll(async () => {
  bed = await startSchedulerBed(sharedPostgres());
  await bed.furnish({ cells: 2, hosts: 1, vcpus: 1_000 });
  providers = (await sql<{ id: number }>(bed, 'select id from resource_providers order by id')).map(({ id }) => id);
  await query(bed.api, `insert into quota_usages (project_id) values ('project')`);
});
afterAll(() => bed?.stop());

/** Two servers of one execution with a claim each, on the first host, in the first cell. */
let server: string;
let neighbour: string;
let execution: string;
beforeEach(async () => {
  const group = await newGroup(bed, 'soft-affinity');
  const limits = { instances: 99, cores: 99, ram: 99_999 };
  const accepted = await accept(bed.api, { count: 2, projectId: 'project', flavor: { vcpus: 2 }, spec: { group }, defaultLimits: limits });
  [server = '', neighbour = ''] = accepted.uuids;
  execution = accepted.reservationId;
  const resources = { VCPU: 2, MEMORY_MB: 512, DISK_GB: 1 };
  await claim(
    bed.api,
    execution,
    accepted.uuids.map((uuid) => ({ server: uuid, provider: providers[0] ?? 0, resources })),
    null,
  );
  await query(
    bed.api,
    `update instance_mappings set cell_id = (select min(id) from cell_mappings), fencing_token = 4 where instance_uuid in (:server::uuid, :neighbour::uuid)`,
    { server, neighbour },
  );
  await query(
    bed.api,
    'insert into pending_cleanups (instance_uuid, cell_id) select instance_uuid, c.id from instance_mappings cross join cell_mappings c where instance_uuid = :server::uuid',
    {
      server,
    },
  );
});

const use = () =>
  sql<{ instances: number; cores: number; ram: number }>(
    bed,
    `select instances, cores, ram::int from quota_usages where project_id = 'project'`,
  );
const used = () =>
  sql<{ used: number }>(bed, `select used::int from inventories where resource_provider_id = ${providers[0]} order by resource_class`);
const allocations = (uuid: string) => sql(bed, `select resource_class from allocations where consumer_id = '${uuid}'`);
const members = (uuid: string) => sql(bed, `select id from instance_group_member where instance_uuid = '${uuid}'`);
const deleted = (since = '1 minute') =>
  query(
    bed.api,
    `update instance_mappings set queued_for_delete = true, updated_at = now() - '${since}'::interval where instance_uuid = :server::uuid`,
    { server },
  );

/** Runs something that gives back what the server holds on its host, and nothing of its neighbour. */
async function frees<Result>(run: () => Promise<Result>): Promise<Result> {
  const before = await used();
  const result = await run();
  // In the order of the classes' names: DISK_GB, MEMORY_MB, VCPU.
  expect(await used()).toEqual(before.map(({ used: amount }, index) => ({ used: amount - ([1, 512, 2][index] ?? 0) })));
  expect(await allocations(server)).toEqual([]);
  expect(await allocations(neighbour)).toHaveLength(3);
  return result;
}

const nothing = <Result>(run: () => Promise<Result>) => changesNothing(bed.api, run);

test('a deleted server gives back its quota, its allocations and its place in the group, once', async () => {
  const [{ instances, cores, ram } = { instances: 0, cores: 0, ram: 0 }] = await use();
  await frees(() => releaseServers(bed.api, [server]));
  expect(await use()).toEqual([{ instances: instances - 1, cores: cores - 2, ram: ram - 512 }]);
  expect(await members(server)).toEqual([]);
  expect(await members(neighbour)).toHaveLength(1);
  expect(
    await sql(bed, `select queued_for_delete, updated_at is not null as touched from instance_mappings where instance_uuid = '${server}'`),
  ).toEqual([{ queued_for_delete: true, touched: true }]);
  const cells = `select c.name from pending_cleanups join cell_mappings c on c.id = cell_id where instance_uuid = '${server}'`;
  expect(await sql(bed, cells), 'what another cell has to clean stays').toEqual([{ name: 'cell2' }]);
  await nothing(() => releaseServers(bed.api, [server]));
});

test('a failed server gives back its allocations, and nothing else', async () => {
  const before = await use();
  await frees(() => releaseAllocationsOfFailed(bed.api, [{ uuid: server, fencing_token: 4 }]));
  expect(await use()).toEqual(before);
  expect(await members(server)).toHaveLength(1);
  await nothing(() => releaseAllocationsOfFailed(bed.api, [{ uuid: server, fencing_token: 4 }]));
});

test.each([3, 5])('a failed server that has another owner than the one of token %i keeps its allocations', async (fencing_token) => {
  await nothing(() => releaseAllocationsOfFailed(bed.api, [{ uuid: server, fencing_token }]));
});

test('an allocation on a host that may not be picked is released for the execution that owns the server', async () => {
  const [provider = 0, other = 0] = providers;
  await nothing(() => releaseUnusableAllocations(bed.api, 'another', [{ server, provider }]));
  await nothing(() => releaseUnusableAllocations(bed.api, execution, [{ server, provider: other }]));
  await frees(() => releaseUnusableAllocations(bed.api, execution, [{ server, provider }]));
  await nothing(() => releaseUnusableAllocations(bed.api, execution, [{ server, provider }]));
});

test('what deleted servers hold is freed: of those named, and of all that were deleted within a day', async () => {
  expect(await nothing(() => releaseClaimsOfDeleted(bed.api, [server])), 'it lives').toBe(0);
  expect(await nothing(() => releaseClaimsOfDeleted(bed.api, null)), 'it lives').toBe(0);
  await deleted('30 hours');
  expect(await nothing(() => releaseClaimsOfDeleted(bed.api, null)), 'deleted too long ago').toBe(0);
  expect(await nothing(() => releaseClaimsOfDeleted(bed.api, [neighbour])), 'another is named').toBe(0);
  expect(await frees(() => releaseClaimsOfDeleted(bed.api, [server]))).toBe(3);
});

test.each([
  ['23 hours', 3],
  ['25 hours', 0],
])('deleted %s ago, %i allocations are freed', async (since, freed) => {
  await deleted(since);
  expect(await releaseClaimsOfDeleted(bed.api, null)).toBe(freed);
  await releaseServers(bed.api, [server]);
});
