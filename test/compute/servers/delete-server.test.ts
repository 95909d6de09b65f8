/** Deleting a server, wherever it is, stopped after each of its statements and run twice. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { NotFound } from '../../../common/errors.ts';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import { buryInCell0 } from '../../../compute/boot/bury-in-cell0.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { deleteServer } from '../../../compute/servers/delete-server.ts';
import { setTargetCell } from '../../../database/api/servers/build-requests.ts';
import { serverTables } from '../../../database/cell/server-tables.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { atRest } from '../../fixtures/standing.ts';
import { runsTwice, type Step, stopsAnywhere } from '../../fixtures/steps.ts';
import { type Accepted, acceptServer, createServer, scheduleServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 2 });
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());

const driver = simulatedDriver(noFailures);

/** A delete that was acknowledged before finds nothing. */
const remove = ({ id, caller }: Accepted) =>
  deleteServer(api, driver, caller, 'req-delete', id).catch((error: unknown) => {
    if (!(error instanceof NotFound)) throw error;
  });

const ended = { shown: 404, listed: 0, used: 0, allocated: null };

const withoutCell: Step = {
  async prepare() {
    const { server, placement, here } = await scheduleServer(cloud);
    await setTargetCell(api, server.execution, [server.id], placement.cell);
    return { server, here, run: () => remove(server) };
  },
  standings: [
    { allocated: 'here', request: { target: 'here', token: 1 } },
    {},
    { ...ended, request: null, mapping: { ...atRest.mapping, deleted: true }, cleanups: ['here'] },
  ],
  end: (statements) => (statements < 2 ? 'ACTIVE' : 404),
};

const onHost: Step = {
  async prepare() {
    const { server, here, created } = await createServer(cloud);
    await buildOnHost(driver, created);
    return { server, here, run: () => remove(server) };
  },
  standings: [
    {
      ...{ shown: 'ACTIVE', allocated: 'here', request: null, mapping: { cell: 'here', token: 1, deleted: false }, cleanups: ['here'] },
      rows: { here: { state: 'active', token: 1, host: 'allocated' } },
    },
    {},
    { shown: 404, listed: 0, rows: { here: { state: 'deleted', token: 1, host: 'allocated' } } },
    {
      ...{ ...ended, mapping: { cell: 'here', token: 1, deleted: true }, cleanups: [] },
      rows: { here: { state: 'deleted', token: 1, host: 'other' } },
    },
  ],
  end: (statements) => (statements < 2 ? 'ACTIVE' : 404),
};

const inCell0: Step = {
  async prepare() {
    const server = await acceptServer(cloud);
    const failure = { error: 'NoValidHost', cause: 'NoHosts', sentence: 'No valid host was found. ', details: '' };
    await buryInCell0(api, server.execution, [server.id], failure);
    return { server, run: () => remove(server) };
  },
  standings: [
    {
      ...{ shown: 'ERROR', request: null, mapping: { cell: 'cell0', token: 1, deleted: false } },
      rows: { cell0: { state: 'error', token: 1, host: null } },
    },
    { cleanups: ['cell0'] },
    { shown: 404, listed: 0, rows: { cell0: { state: 'deleted', token: 1, host: null } } },
    { ...ended, mapping: { cell: 'cell0', token: 1, deleted: true }, cleanups: [] },
  ],
  end: (statements) => (statements < 2 ? 'ERROR' : 404),
};

describe.each<[string, Step]>([
  ['that has no cell', withoutCell],
  ['on its host', onHost],
  ['in cell0', inCell0],
])('a delete of a server %s', (_, step) => {
  test('stops after any of its statements, and the reaper finishes it', () => stopsAnywhere(cloud, step));
  test('runs twice, from wherever it stopped', () => runsTwice(cloud, step));
});

test('the host ends what it runs, with the token that it was started with', async () => {
  const { server, created } = await createServer(cloud);
  await buildOnHost(driver, created);
  const begin = vi.fn(driver.begin);
  await deleteServer(api, { ...driver, begin }, server.caller, 'req-delete', server.id);
  const { host, connection: cell } = created;
  expect(begin.mock.calls).toEqual([[{ operation: 'destroy', server: server.id, host, cell, fencing_token: 1 }]]);
});

test('what belongs to the server in its cell is deleted with it, a move that was noted there included', async () => {
  const { server, here } = await createServer(cloud);
  const cell = cloud.database(here);
  await query(cell, 'insert into migrations (uuid, instance_uuid) values (gen_random_uuid(), :id::uuid)', { id: server.id });
  const living = serverTables.map((table) => `select '${table}' as part from ${table} where instance_uuid = :id::uuid and deleted = 0`);
  const parts = async () => (await query<{ part: string }>(cell, living.join(' union '), { id: server.id })).map(({ part }) => part);
  expect(await parts()).toContain('migrations');
  await remove(server);
  expect(await parts()).toEqual([]);
});

test('another project finds no server to delete', async () => {
  const { server } = await scheduleServer(cloud);
  const other = { ...server.caller, projectId: 'f'.repeat(32) };
  await expect(deleteServer(api, driver, other, 'req', server.id)).rejects.toThrow(NotFound);
  await remove(server);
});
