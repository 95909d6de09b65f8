/** What is noted to be finished in cells: when it is due, whose it is, and that what is noted again meanwhile stays. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  completeCleanups,
  listPendingCleanups,
  noteOrphanedRows,
  notePending,
  touchCleanups,
} from '../../../../database/api/cells/pending-cleanups.ts';
import { findUnfinishedWork } from '../../../../database/api/reaper/unfinished-work.ts';
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
beforeEach(() => query(fixture.api, 'truncate pending_cleanups, instance_mappings, build_requests'));

const cell = (index: number) => cells[index] ?? '';
const note = (server: string, fencing_token: number, of = 0) => noteOrphanedRows(fixture.api, cell(of), [{ uuid: server, fencing_token }]);
const noted = (server: string) => sql(fixture, `select fencing_token from pending_cleanups where instance_uuid = '${server}'`);
/** Lets time pass for what was noted. */
const age = (seconds: number) =>
  query(fixture.api, `update pending_cleanups set created_at = now() - make_interval(secs => :seconds)`, { seconds });
const map = (server: string, of: number | null, fencing_token = 3) =>
  query(
    fixture.api,
    `insert into instance_mappings (instance_uuid, project_id, user_id, fencing_token, cell_id)
     values (:server::uuid, 'p', 'u', :fencing_token, (select id from cell_mappings where uuid = :cell::uuid))`,
    { server, fencing_token, cell: of === null ? null : cell(of) },
  );

test('orphaned rows are noted with their token, and noted again with the greatest', async () => {
  const [one, two] = [randomUUID(), randomUUID()];
  await noteOrphanedRows(fixture.api, cell(0), [
    { uuid: one, fencing_token: 2 },
    { uuid: two, fencing_token: 5 },
  ]);
  expect([await noted(one), await noted(two)]).toEqual([[{ fencing_token: 2 }], [{ fencing_token: 5 }]]);
  await note(one, 1);
  await note(two, 6);
  expect([await noted(one), await noted(two)]).toEqual([[{ fencing_token: 2 }], [{ fencing_token: 6 }]]);
});

test('what is noted again is due when it was before', async () => {
  const server = randomUUID();
  await note(server, 1);
  await age(60);
  await note(server, 1);
  expect(await listPendingCleanups(fixture.api, 30)).toMatchObject([{ orphaned: [{ generation: 2 }] }]);
});

test('nothing is noted of a cell that is not registered', async () => {
  await changesNothing(fixture.api, () => noteOrphanedRows(fixture.api, randomUUID(), [{ uuid: randomUUID(), fencing_token: 1 }]));
});

test('a cleanup is due when it was noted that long ago, not before', async () => {
  await note(randomUUID(), 1);
  await age(181);
  expect(await listPendingCleanups(fixture.api, 180)).toHaveLength(1);
  await age(120);
  expect(await listPendingCleanups(fixture.api, 180)).toEqual([]);
  expect(await listPendingCleanups(fixture.api, 0)).toHaveLength(1);
});

/** Notes a cleanup of a server in the first cell, due in some minutes. */
const noteDue = (server: string, minutes: number) =>
  query(
    fixture.api,
    `with noted as (${notePending(
      'select :server::uuid, id, 1 from cell_mappings where uuid = :cell::uuid',
      "now() + :minutes * interval '1 minute'",
    )}) select 1`,
    { server, cell: cell(0), minutes },
  );
const dueIn = async () => Math.round(((await findUnfinishedWork(fixture.api, cell(0), 180)).dueIn ?? Number.NaN) / 60);

test('a cleanup with a due time is due then, whatever the silence', async () => {
  const server = randomUUID();
  await noteDue(server, 60);
  expect([await listPendingCleanups(fixture.api, 0), await dueIn()]).toEqual([[], 60]);
  await noteDue(randomUUID(), 0);
  expect(await listPendingCleanups(fixture.api, 180)).toMatchObject([{ orphaned: [{}] }]);
  expect(await dueIn()).toBeCloseTo(0);
});

test.each([
  [[60, 30], 30],
  [[30, 60], 30],
  [[60, null], -7],
  [[null, 60], -7],
])('what is noted with due times %j is due in %i minutes', async (times, due) => {
  const server = randomUUID();
  for (const minutes of times) {
    await age(600);
    await (minutes === null ? note(server, 1) : noteDue(server, minutes));
  }
  expect(await dueIn()).toBe(due);
});

test('a cleanup that is touched has the new due time, and one noted again since, another server’s or another cell’s has not', async () => {
  const [touched, renewed, other] = [randomUUID(), randomUUID(), randomUUID()];
  for (const server of [touched, renewed, other]) await note(server, 1);
  await note(touched, 1, 1);
  const listed = (await listPendingCleanups(fixture.api, 0)).find(({ cell: { uuid } }) => uuid === cell(0))?.orphaned ?? [];
  await note(renewed, 1);
  // A time as PostgreSQL writes it has no zeros at its end.
  const due_at = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
  const moved = listed.filter(({ uuid }) => uuid !== other).map((cleanup) => ({ ...cleanup, due_at }));
  expect(moved).toHaveLength(2);
  await touchCleanups(fixture.api, cell(0), moved);
  expect(
    await sql(
      fixture,
      'select instance_uuid, c.uuid as cell, due_at from pending_cleanups p join cell_mappings c on c.id = p.cell_id where due_at is not null',
    ),
  ).toEqual([{ instance_uuid: touched, cell: cell(0), due_at }]);
});

test('a server is its own cell’s with the token of its owner, and orphaned in any other with that of the cleanup', async () => {
  const [mapped, unmapped, unknown] = [randomUUID(), randomUUID(), randomUUID()];
  await map(mapped, 0, 7);
  await map(unmapped, null);
  for (const server of [mapped, unmapped, unknown]) {
    await note(server, 2, 0);
    await note(server, 2, 1);
  }
  const found = await listPendingCleanups(fixture.api, 0);
  const shape = (list: readonly { uuid: string; fencing_token: number }[]) =>
    list.map(({ uuid, fencing_token }) => ({ uuid, fencing_token })).toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1));
  const orphaned = [mapped, unmapped, unknown].map((uuid) => ({ uuid, fencing_token: 2 }));
  const [first, second] = found.toSorted((a, b) => (a.cell.name < b.cell.name ? -1 : 1));
  expect(first?.cell).toEqual({ uuid: cell(0), name: 'cell1', database_connection: 'rds-data://none/cell1?secret=none' });
  expect(shape(first?.own ?? [])).toEqual([{ uuid: mapped, fencing_token: 7 }]);
  expect(shape(first?.orphaned ?? [])).toEqual(shape(orphaned.slice(1)));
  expect(second?.cell.name).toBe('cell2');
  expect(second?.own).toEqual([]);
  expect(shape(second?.orphaned ?? [])).toEqual(shape(orphaned));
});

test('a cleanup that is done goes; one noted again since, another server’s or another cell’s stays', async () => {
  const [done, renewed, other] = [randomUUID(), randomUUID(), randomUUID()];
  for (const server of [done, renewed, other]) await note(server, 1);
  const [{ orphaned } = { orphaned: [] }] = await listPendingCleanups(fixture.api, 0);
  await note(renewed, 1);
  for (let times = 0; times < 2; times += 1) await note(done, 1, 1);
  await changesNothing(fixture.api, () => completeCleanups(fixture.api, cell(1), orphaned, 0));
  await completeCleanups(
    fixture.api,
    cell(0),
    orphaned.filter(({ uuid }) => uuid !== other),
    0,
  );
  expect(await sql(fixture, 'select p.instance_uuid, c.name from pending_cleanups p join cell_mappings c on c.id = p.cell_id')).toEqual(
    expect.arrayContaining([
      { instance_uuid: renewed, name: 'cell1' },
      { instance_uuid: other, name: 'cell1' },
      { instance_uuid: done, name: 'cell2' },
    ]),
  );
  expect(await sql(fixture, 'select 1 from pending_cleanups')).toHaveLength(3);
});

test('one that is done stays due for as long as its last noter may not have reached the cell', async () => {
  const server = randomUUID();
  await note(server, 1);
  await age(600);
  const complete = async () => {
    const [{ orphaned } = { orphaned: [] }] = await listPendingCleanups(fixture.api, 180);
    expect(orphaned).toHaveLength(1);
    await completeCleanups(fixture.api, cell(0), orphaned, 180);
  };
  await complete();
  expect([await listPendingCleanups(fixture.api, 180), await dueIn()]).toEqual([[], 3]);
  await query(
    fixture.api,
    `update pending_cleanups set noted_at = noted_at - interval '3 minutes', due_at = due_at - interval '3 minutes'`,
  );
  await complete();
  expect(await noted(server)).toEqual([]);
});

test('of two that were noted at once, the one that is done goes', async () => {
  const [done, other] = [randomUUID(), randomUUID()];
  await noteOrphanedRows(fixture.api, cell(0), [
    { uuid: done, fencing_token: 1 },
    { uuid: other, fencing_token: 1 },
  ]);
  const [{ orphaned } = { orphaned: [] }] = await listPendingCleanups(fixture.api, 0);
  await completeCleanups(
    fixture.api,
    cell(0),
    orphaned.filter(({ uuid }) => uuid === done),
    0,
  );
  expect(await sql(fixture, 'select instance_uuid from pending_cleanups')).toEqual([{ instance_uuid: other }]);
});

test('a cell without orphaned rows has none', async () => {
  const server = randomUUID();
  await map(server, 0);
  await note(server, 1);
  expect(await listPendingCleanups(fixture.api, 0)).toMatchObject([{ own: [{ uuid: server }], orphaned: [] }]);
});

test('work is unfinished until its due time while a server is on its way, or a cleanup is pending', async () => {
  const unfinished = async (of = 0) => {
    const { dueIn, awaitingCell } = await findUnfinishedWork(fixture.api, cell(of), 180);
    return [dueIn && Math.round(dueIn / 10) * 10, awaitingCell];
  };
  expect(await unfinished()).toEqual([null, 0]);
  await note(randomUUID(), 1);
  expect(await unfinished()).toEqual([180, 0]);
  await age(60);
  await note(randomUUID(), 1);
  expect(await unfinished(), 'the first of them').toEqual([120, 0]);
  await age(240);
  expect(await unfinished(), 'overdue').toEqual([-60, 0]);
  await query(fixture.api, 'truncate pending_cleanups');
  await fixture.accept(2);
  await query(
    fixture.api,
    `update build_requests set cell_id = (select id from cell_mappings where uuid = :cell::uuid), updated_at = now() - interval '1 minute'
     where id = (select min(id) from build_requests)`,
    { cell: cell(0) },
  );
  expect(await unfinished(), 'the earliest heartbeat').toEqual([120, 1]);
  expect(await unfinished(1)).toEqual([120, 0]);
});
