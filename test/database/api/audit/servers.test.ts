/** What an audit reads of a server: all that any table holds of it, for servers of which anything is left. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  findBuildRequestsNamed,
  findServerEntry,
  firstUuid,
  readServers,
  type ServerRecords,
  scanServers,
} from '../../../../database/api/audit/servers.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { hostOf, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());

const [h1, h2, h3] = ['cell1-host1', 'cell2-host1', 'cell3-host1'] as const;
let cells: string[];
beforeEach(async () => {
  await fixture.addHosts({ cells: 3, hosts: 1 });
  cells = (await sql<{ uuid: string }>(fixture, 'select uuid from cell_mappings order by name')).map(({ uuid }) => uuid);
});

const change = (text: string) => query(fixture.api, text);
const cell = (name: string) => `(select id from cell_mappings where name = '${name}')`;
const allocate = (server: string, host: string, age = '0 seconds') =>
  change(`insert into allocations (consumer_id, resource_provider_id, resource_class, used, created_at)
    select '${server}', ${hostOf(host)}, class, 1, now() - interval '${age}'
    from (values ('VCPU'), ('MEMORY_MB')) classes (class) on conflict do nothing`);
const note = (server: string, name: string, age = '0 seconds') =>
  change(
    `insert into pending_cleanups (instance_uuid, cell_id, created_at) values ('${server}', ${cell(name)}, now() - interval '${age}')`,
  );
const number = (digit: number) => `${digit}0000000-0000-4000-8000-000000000000`;

/** A server of this uuid that waits for its cell. */
async function waiting(uuid: string = randomUUID()): Promise<string> {
  const [old = ''] = (await fixture.accept(1)).servers;
  for (const table of ['instance_mappings', 'request_specs', 'build_requests']) {
    await change(`update ${table} set instance_uuid = '${uuid}' where instance_uuid = '${old}'`);
  }
  return uuid;
}

const nothing: Omit<ServerRecords, 'uuid'> = {
  ...{
    mapped: false,
    deleted: false,
    cell: null,
    requested: null,
    target_cell: null,
    former_cell: null,
    counted: false,
    specified: false,
    image: null,
  },
  ...{ hosts: [], host_cells: [], allocated: null, cleanups: [], cleanups_overdue: [], queued_images: 0, moves: [] },
};
const about = (seconds: number) => expect.toSatisfy((age: unknown) => Number(age) >= seconds && Number(age) < seconds + 30);

test('of a server that no table has there is nothing', async () => {
  const uuid = randomUUID();
  await waiting();
  expect(await readServers(fixture.api, [uuid])).toEqual([{ uuid, ...nothing }]);
});

test('of a server that waits: its request, its spec and its target cell', async () => {
  const uuid = await waiting();
  await change(`update build_requests set created_at = now() - interval '100 seconds', cell_id = ${cell('cell2')}`);
  const found = { uuid, ...nothing, mapped: true, counted: true, requested: about(100), target_cell: cells[1], specified: true };
  expect(await readServers(fixture.api, [uuid])).toEqual([found]);
});

test('of a server in its cell: the cell, its host once, the cell of that, and the last change', async () => {
  const uuid = await waiting();
  await waiting();
  await change(`delete from build_requests where instance_uuid = '${uuid}'`);
  await change(`update instance_mappings set cell_id = ${cell('cell1')}, updated_at = now() - interval '500 seconds'`);
  await allocate(uuid, h1, '300 seconds');
  const found = { uuid, ...nothing, mapped: true, counted: true, cell: cells[0], specified: true, hosts: [h1], host_cells: [cells[0]] };
  expect(await readServers(fixture.api, [uuid])).toEqual([{ ...found, allocated: about(300) }]);
  await change(`update allocations set updated_at = now() - interval '200 seconds' where resource_class = 'VCPU'`);
  expect(await readServers(fixture.api, [uuid])).toEqual([{ ...found, allocated: about(200) }]);
  await change(`update instance_mappings set updated_at = now() - interval '100 seconds', queued_for_delete = true`);
  expect(await readServers(fixture.api, [uuid])).toEqual([{ ...found, deleted: true, allocated: about(100) }]);
});

test('of allocations on several hosts: each host, and the latest change', async () => {
  const uuid = randomUUID();
  await allocate(uuid, h1, '300 seconds');
  await change(
    `update allocations set resource_provider_id = ${hostOf(h3)}, created_at = now() - interval '100 seconds' where resource_class = 'VCPU'`,
  );
  await change(`delete from host_mappings where host = '${h3}'`);
  const [found] = await readServers(fixture.api, [uuid]);
  expect(found?.hosts.toSorted()).toEqual([h1, h3]);
  expect(found).toMatchObject({ mapped: false, host_cells: [cells[0]], allocated: about(100) });
});

test('of pending cleanups: the cells in order, with how long each is overdue', async () => {
  const uuid = randomUUID();
  await note(uuid, 'cell3', '50 seconds');
  await note(uuid, 'cell1', '200 seconds');
  await note(randomUUID(), 'cell2');
  expect(await readServers(fixture.api, [uuid])).toEqual([
    { uuid, ...nothing, cleanups: [cells[0], cells[2]], cleanups_overdue: [about(20), about(-130)] },
  ]);
  await change(`update pending_cleanups set due_at = now() - interval '1 hour' where instance_uuid = '${uuid}'`);
  expect((await readServers(fixture.api, [uuid])).map((found) => found.cleanups_overdue)).toEqual([[about(3_600), about(3_600)]]);
});

const scan = async (after = firstUuid, limit = 100) => (await scanServers(fixture.api, after, limit)).map(({ uuid }) => uuid);

test('a scan finds living servers and all of which anything is left, each once', async () => {
  const [living, deleted, request, allocated, noted, spec] = [1, 2, 3, 4, 5, 6].map(number);
  await waiting(living);
  await allocate(living ?? '', h2);
  await waiting(deleted);
  await change(`update instance_mappings set queued_for_delete = true where instance_uuid = '${deleted}'`);
  await change(`delete from build_requests where instance_uuid = '${deleted}'`);
  await waiting(request);
  await change(`delete from instance_mappings where instance_uuid = '${request}'`);
  await change(`delete from request_specs where instance_uuid = '${request}'`);
  await allocate(allocated ?? '', h1);
  await note(noted ?? '', 'cell1');
  await waiting(spec);
  await change(`delete from instance_mappings where instance_uuid = '${spec}'`);
  await change(`delete from build_requests where instance_uuid = '${spec}'`);
  expect(await scan()).toEqual([living, request, allocated, noted, spec]);
});

test('pages of a scan follow each other, with what stands between the living', async () => {
  const living = [1, 3, 5, 7].map(number);
  const others = [2, 6, 8, 9].map(number);
  for (const uuid of living) await waiting(uuid);
  await allocate(others[0] ?? '', h1);
  await note(others[1] ?? '', 'cell1');
  await allocate(others[2] ?? '', h1);
  await note(others[3] ?? '', 'cell1');
  const all = [...living, ...others].toSorted();
  for (const limit of [1, 2, 3, 4, 8]) {
    const seen: string[] = [];
    for (let page = await scan(firstUuid, limit); ; page = await scan(page.at(-1), limit)) {
      seen.push(...page);
      if (page.length < limit || seen.length > 20) break;
    }
    expect(seen, `${limit} at a time`).toEqual(all);
  }
  expect(await scan(number(9))).toEqual([]);
});

test('servers without a cell are found by their name, the newest first', async () => {
  const [older, newer, other] = [await waiting(), await waiting(), await waiting()];
  await change(`update build_requests set instance = '{"display_name": "web"}' where instance_uuid <> '${other}'`);
  await change(`update build_requests set created_at = now() - interval '1 hour' where instance_uuid = '${older}'`);
  const found = { project: 'project', created: expect.any(String) };
  expect(await findBuildRequestsNamed(fixture.api, 'web')).toEqual([
    { uuid: newer, ...found },
    { uuid: older, ...found },
  ]);
});

test('an entry shows a person where a server stands', async () => {
  const uuid = await waiting();
  await waiting();
  await change(`update build_requests set instance = '{"display_name": "web"}', cell_id = ${cell('cell2')}`);
  await allocate(uuid, h2);
  await note(uuid, 'cell3');
  await note(uuid, 'cell1');
  const at = expect.any(String);
  const entry = {
    ...{ projectId: 'project', userId: 'user', acceptedAt: at, markedDeleted: false, cell: null, pendingCleanups: ['cell1', 'cell3'] },
    buildRequest: {
      ...{ name: 'web', execution: expect.stringMatching(/^r-/), requestId: 'req', reservationId: expect.stringMatching(/^r-/) },
      ...{ targetCell: 'cell2', acceptedAt: at, lastHeartbeat: at },
    },
    allocations: [{ host: h2, amounts: { VCPU: 1, MEMORY_MB: 1 } }],
  };
  expect(await findServerEntry(fixture.api, uuid)).toEqual(entry);
  await change(`update build_requests set cell_id = null`);
  expect(await findServerEntry(fixture.api, uuid)).toMatchObject({ buildRequest: { targetCell: null } });
  await change('delete from build_requests');
  await change('truncate allocations, pending_cleanups');
  await change(`update instance_mappings set cell_id = ${cell('cell1')}, queued_for_delete = true`);
  const inCell = { uuid: cells[0], name: 'cell1', database_connection: 'rds-data://none/cell1?secret=none' };
  expect(await findServerEntry(fixture.api, uuid)).toEqual({
    ...{ ...entry, cell: inCell, markedDeleted: true, buildRequest: null, allocations: [], pendingCleanups: [] },
  });
  expect(await findServerEntry(fixture.api, randomUUID())).toBeUndefined();
});
