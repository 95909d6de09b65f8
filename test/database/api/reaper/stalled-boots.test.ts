/** Boots and builds that another execution takes over: those that are silent, and no others. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { listPendingCleanups, type PendingCleanup } from '../../../../database/api/cells/pending-cleanups.ts';
import { takeOverBuilds, takeOverStalledBoots } from '../../../../database/api/reaper/stalled-boots.ts';
import { commitToCell, setTargetCell } from '../../../../database/api/servers/build-requests.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
let cells: string[];
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
  await fixture.addHosts({ cells: 2, hosts: 0 });
  cells = (await sql<{ uuid: string }>(fixture, 'select uuid from cell_mappings order by id')).map(({ uuid }) => uuid);
});
afterAll(() => fixture?.stop());
beforeEach(() => query(fixture.api, 'truncate pending_cleanups, instance_mappings, build_requests, request_specs'));

const silent = (seconds: number, which = 'true') =>
  query(fixture.api, `update build_requests set updated_at = now() - make_interval(secs => :seconds) where ${which}`, { seconds });

test('a boot is taken over when it was silent that long, not before', async () => {
  const { execution, servers } = await fixture.accept(2);
  await silent(120);
  expect(await changesNothing(fixture.api, () => takeOverStalledBoots(fixture.api, 180))).toEqual([]);
  await silent(181);
  const [boot, ...others] = await takeOverStalledBoots(fixture.api, 180);
  expect(others).toEqual([]);
  expect(boot).toEqual({
    execution: expect.stringMatching(new RegExp(`^${execution}-\\d{13,}$`)),
    requestId: 'req',
    servers: expect.any(Array),
  });
  expect(boot?.servers.toSorted()).toEqual(servers.toSorted());
  const taken = await sql(
    fixture,
    `select execution, fencing_token, updated_at > now() - interval '10 seconds' as touched from build_requests`,
  );
  expect(taken).toEqual(servers.map(() => ({ execution: boot?.execution, fencing_token: 2, touched: true })));
  expect(await changesNothing(fixture.api, () => takeOverStalledBoots(fixture.api, 180)), 'a second time').toEqual([]);
});

test('a server of the reservation with a later heartbeat keeps its execution', async () => {
  const { execution, servers } = await fixture.accept(2);
  await silent(200, `instance_uuid = '${servers[0]}'`);
  expect(await takeOverStalledBoots(fixture.api, 180)).toMatchObject([{ servers: [servers[0]] }]);
  expect(await sql(fixture, `select execution, fencing_token from build_requests where instance_uuid = '${servers[1]}'`)).toEqual([
    { execution, fencing_token: 1 },
  ]);
});

test('boots of two reservations get an execution each', async () => {
  const [one, two] = [await fixture.accept(1), await fixture.accept(1)];
  await silent(200);
  const boots = await takeOverStalledBoots(fixture.api, 180);
  expect(boots.map(({ servers }) => servers).toSorted()).toEqual([one.servers, two.servers].toSorted());
  expect(new Set(boots.map(({ execution }) => execution)).size).toBe(2);
});

test('all of many small reservations are taken over at once', async () => {
  for (let count = 0; count < 150; count += 1) await fixture.accept(1);
  await silent(200);
  expect(await takeOverStalledBoots(fixture.api, 180)).toHaveLength(150);
});

test('of large reservations as many are taken over at once as one answer holds, each whole, and the next time the others', async () => {
  for (let count = 0; count < 11; count += 1) await fixture.accept(500);
  await silent(200);
  const sizes = async () => (await takeOverStalledBoots(fixture.api, 180)).map(({ servers }) => servers.length);
  expect(await sizes()).toEqual(Array(10).fill(500));
  expect(await sizes()).toEqual([500]);
});

/** A build that stopped in its cell, as the reaper lists it. */
async function listedBuild(): Promise<{ server: string; execution: string; listed: PendingCleanup }> {
  const { execution, servers } = await fixture.accept(1);
  const [server = ''] = servers;
  await setTargetCell(fixture.api, execution, [server], cells[0] ?? '');
  await commitToCell(fixture.api, execution, [{ uuid: server, fencing_token: 1 }], cells[0] ?? '', 'keep');
  const [found] = await listPendingCleanups(fixture.api, 0);
  const listed = found?.own.find(({ uuid }) => uuid === server);
  if (!listed) throw new Error('the build is pending');
  return { server, execution, listed };
}

test('a build in a cell is taken over: the mapping names its new owner, and its cleanup counts from now', async () => {
  const { server, listed } = await listedBuild();
  await query(fixture.api, `update instance_mappings set updated_at = null`);
  const others = `
    select instance_uuid, cell_id, fencing_token, created_at, due_at from pending_cleanups
    where instance_uuid <> '${server}' or cell_id <> (select cell_id from instance_mappings) order by 1, 2`;
  await query(
    fixture.api,
    `insert into pending_cleanups (instance_uuid, cell_id, fencing_token)
     select other.uuid, id, 9 from cell_mappings cross join (values (gen_random_uuid()), (:server::uuid)) other (uuid) on conflict do nothing`,
    { server },
  );
  await query(fixture.api, 'update pending_cleanups set due_at = now()');
  const before = await sql(fixture, others);
  expect(before.length).toBeGreaterThan(1);
  expect(await takeOverBuilds(fixture.api, 'resume', cells[0] ?? '', [listed])).toEqual([server]);
  expect(await sql(fixture, 'select execution, fencing_token, updated_at is not null as touched from instance_mappings')).toEqual([
    { execution: 'resume', fencing_token: 2, touched: true },
  ]);
  expect(await sql(fixture, others), 'what else is pending').toEqual(before);
  await query(fixture.api, 'delete from pending_cleanups where fencing_token = 9');
  const [after] = await listPendingCleanups(fixture.api, 0);
  expect(after?.own).toEqual([{ uuid: server, fencing_token: 2, generation: expect.any(Number), moves: [] }]);
  expect(after?.own[0]?.generation).toBe(listed.generation + 1);
  expect(await sql(fixture, 'select fencing_token, due_at from pending_cleanups')).toEqual([{ fencing_token: 2, due_at: null }]);
  expect(
    await changesNothing(fixture.api, () => takeOverBuilds(fixture.api, 'late', cells[0] ?? '', [listed])),
    'as it was listed',
  ).toEqual([]);
});

interface Named {
  cell?: string;
  listed?: PendingCleanup;
}

/** Changes the api database after the build was listed; `:server` is its server. */
const changed = (statement: string) => async (server: string) => {
  await query(fixture.api, statement, { server });
  return {};
};

test.each<[string, (server: string, listed: PendingCleanup) => Named | Promise<Named>]>([
  ['that has another owner since', changed('update instance_mappings set fencing_token = 2 where instance_uuid = :server::uuid')],
  ['that was noted again', changed(`update pending_cleanups set generation = generation + 1 where instance_uuid = :server::uuid`)],
  ['that is deleted', changed('update instance_mappings set queued_for_delete = true where instance_uuid = :server::uuid')],
  [
    'that has another cell',
    changed('update instance_mappings set cell_id = (select max(id) from cell_mappings) where instance_uuid = :server::uuid'),
  ],
  ['that is done', changed('delete from pending_cleanups where instance_uuid = :server::uuid')],
  ['of another cell', () => ({ cell: cells[1] ?? '' })],
  ['of a cell that is not registered', () => ({ cell: randomUUID() })],
  ['of another server', (_, listed) => ({ listed: { ...listed, uuid: randomUUID() } })],
  ['named with an earlier token', (_, listed) => ({ listed: { ...listed, fencing_token: 0 } })],
])('a build %s is left alone', async (_, prepare) => {
  const build = await listedBuild();
  const { cell = cells[0] ?? '', listed = build.listed } = await prepare(build.server, build.listed);
  expect(await changesNothing(fixture.api, () => takeOverBuilds(fixture.api, 'resume', cell, [listed]))).toEqual([]);
});

test('only the builds that are named are taken over', async () => {
  const other = await listedBuild();
  const { server, listed } = await listedBuild();
  expect(await takeOverBuilds(fixture.api, 'resume', cells[0] ?? '', [listed])).toEqual([server]);
  expect(await sql(fixture, `select execution, fencing_token from instance_mappings where instance_uuid = '${other.server}'`)).toEqual([
    { execution: other.execution, fencing_token: 1 },
  ]);
});
