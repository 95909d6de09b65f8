/** A burial by itself: what it writes of a server, how many at a time, and whom it meets. */
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { buryInCell0 } from '../../../compute/boot/bury-in-cell0.ts';
import type { Failure } from '../../../compute/boot/failure.ts';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { takeOverStalledBoots } from '../../../database/api/reaper/stalled-boots.ts';
import { removeBuildRequest } from '../../../database/api/servers/build-requests.ts';
import { findInstances } from '../../../database/cell/instances/find.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import { beforeStatement } from '../../fixtures/before-statement.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest, reapNow } from '../../fixtures/rest.ts';
import { standingOf } from '../../fixtures/standing.ts';
import { type Accepted, acceptServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1, retryAfter: 2 });
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());
afterEach(() => comeToRest(cloud.service));

const failure: Failure = { error: 'NoValidHost', cause: 'VCPU', sentence: 'No valid host was found. ', details: 'No host.\nVCPU.' };
const bury = ({ execution, id }: Accepted) => buryInCell0(api, execution, [id], failure);
const look = (server: Accepted) => standingOf(cloud, server);
const commit = 'delete from build_requests';

test('the server is whole in cell0, with its fault, its first cause and its action; the burial says how long it took', async () => {
  const server = await acceptServer(cloud);
  await query(api, `update build_requests set instance = instance || '{"created_at": "2020-01-01T00:00:00Z"}'`);
  const since2020 = (Date.now() - Date.parse('2020-01-01T00:00:00Z')) / 1000;
  let calls = 0;
  const stop = cloud.service.dataApi.onCall(() => {
    calls += 1;
  });
  const [ended, ...others] = await bury(server);
  stop();
  expect(calls, 'target cell, rows, commit').toBe(3);
  expect(others).toEqual([]);
  expect(ended).toMatchObject({ uuid: server.id, reservation_id: server.execution, request_id: server.requestId });
  expect(ended?.seconds).toBeGreaterThanOrEqual(Math.floor(since2020));
  expect(ended?.seconds).toBeLessThan(since2020 + 600);
  const found = (await findInstances(cloud.database('cell0'), [server.id])).get(server.id);
  expect(found).toMatchObject({
    ...{ vm_state: 'error', task_state: null, system_metadata: { first_cause: 'VCPU' }, metadata: { one: '1' }, tags: ['blue'] },
    fault: { code: 500, message: failure.sentence, details: failure.details },
  });
  const action = `
    select a.request_id, a.message, e.event, e.result, e.details, a.finish_time is not null as finished
    from instance_actions a join instance_actions_events e on e.action_id = a.id where a.instance_uuid = :id::uuid`;
  expect(await query(cloud.database('cell0'), action, { id: server.id })).toEqual([
    {
      ...{ request_id: server.requestId, message: 'Error', event: 'conductor_schedule_and_build_instances', result: 'Error' },
      ...{ details: failure.details, finished: true },
    },
  ]);
  expect(await look(server)).toMatchObject({ shown: 'ERROR', used: 1, request: null, mapping: { cell: 'cell0' }, cleanups: [] });
});

test('a server that is deleted before its commit is orphaned in cell0, which is noted, though a reaper was there before the row', async () => {
  const server = await acceptServer(cloud);
  const meanwhile = async () => {
    await removeBuildRequest(api, server.id);
    await query(api, 'delete from pending_cleanups');
  };
  expect(await beforeStatement(commit, meanwhile, () => bury(server))).toEqual([]);
  expect(await look(server)).toMatchObject({ ...{ shown: 404, used: 0, cleanups: ['cell0'] }, rows: { cell0: { token: 1 } } });
  expect(await query(api, 'select fencing_token from pending_cleanups')).toEqual([{ fencing_token: 1 }]);
  await reapNow(cloud.service);
  expect(await look(server)).toMatchObject({ rows: {}, cleanups: [] });
});

test('a server that is taken over before its commit keeps its new owner', async () => {
  const server = await acceptServer(cloud);
  expect(
    await beforeStatement(
      commit,
      () => takeOverStalledBoots(api, 0),
      () => bury(server),
    ),
  ).toEqual([]);
  expect(await look(server)).toMatchObject({ ...{ shown: 'BUILD', used: 1, mapping: { cell: null }, cleanups: ['cell0'] } });
});

test('what is buried, or has its cell, or is of another execution, is left alone', async () => {
  const server = await acceptServer(cloud);
  await bury(server);
  const buried = await look(server);
  expect(await bury(server)).toEqual([]);
  expect(await look(server)).toEqual(buried);

  const other = await acceptServer(cloud);
  const waiting = await look(other);
  expect(await bury({ ...other, execution: 'another' })).toEqual([]);
  expect(await look(other)).toEqual(waiting);
  expect(await buryInCell0(api, other.execution, [], failure)).toEqual([]);
});

test('cell0 must be registered', async () => {
  const server = await acceptServer(cloud);
  await query(api, `update cell_mappings set uuid = gen_random_uuid() where uuid = :cell0::uuid`, { cell0 });
  await expect(bury(server)).rejects.toThrow('cell0 is not registered');
  await query(api, `update cell_mappings set uuid = :cell0::uuid where name = 'cell0'`, { cell0 });
});

test('servers go in as few requests as hold them', async () => {
  const servers: Accepted[] = [];
  for (let count = 0; count < 5; count++) servers.push(await acceptServer(cloud));
  // JSON within JSON has four characters for a quotation mark, so four of these fill a request.
  await query(
    api,
    `update build_requests set execution = 'one', instance = instance || jsonb_build_object('user_data', repeat('"', 200000))`,
  );
  const send = vi.spyOn(RDSDataClient.prototype, 'send');
  const ended = await buryInCell0(
    api,
    'one',
    servers.map(({ id }) => id),
    failure,
  );
  const inputs = send.mock.calls.map(([{ input }]) => input);
  send.mockRestore();
  expect(ended.map(({ uuid }) => uuid).toSorted()).toEqual(servers.map(({ id }) => id).toSorted());
  const inserts = inputs.filter((input) => 'sql' in input && input.sql?.includes('insert into instances '));
  const millions = inserts.map((input) => Buffer.byteLength(JSON.stringify(input)) / 1_000_000);
  expect(millions).toEqual([expect.closeTo(3.2, 0), expect.closeTo(0.8, 0)]);
});

test.each([0, 1])(
  'of two servers cell0 takes in no form the one at %i: the other is buried, and the refusal is reported',
  async (index) => {
    const servers = [await acceptServer(cloud), await acceptServer(cloud)];
    await query(api, `update build_requests set execution = 'one'`);
    const refused = servers[index]?.id ?? '';
    const database = cloud.database('cell0');
    await query(database, `alter table instances add constraint refused check (uuid <> '${refused}')`);
    const ids = servers.map(({ id }) => id);
    await expect(buryInCell0(api, 'one', ids, failure)).rejects.toThrow('refused');
    const shown = await Promise.all(servers.map(async (server) => (await look(server)).shown));
    expect(shown).toEqual(ids.map((id) => (id === refused ? 'BUILD' : 'ERROR')));
    await query(database, 'alter table instances drop constraint refused');
  },
);
