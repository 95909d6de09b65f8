/** The reaper itself, stopped after each of its statements and run twice; what it finds is what steps and deletes leave when they stop. */
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import { createInCell } from '../../../compute/boot/create-in-cell.ts';
import type { Driver } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { type Reaper, reap, type StartedBoot } from '../../../compute/reaper/reap.ts';
import { releaseTargetCell } from '../../../database/api/servers/build-requests.ts';
import { findInstanceMappingToChange } from '../../../database/api/servers/instance-mappings.ts';
import { failInstance } from '../../../database/cell/instances/build.ts';
import { deleteInstance } from '../../../database/cell/instances/delete.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { atRest, standingOf } from '../../fixtures/standing.ts';
import { runsTwice, type Step, stopAfter, stopsAnywhere } from '../../fixtures/steps.ts';
import { acceptServer, createServer, scheduleServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 2 });
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());

/** Starts nothing, so that what the reaper itself does is seen. */
const runReaper = (changes: Partial<Reaper> = {}) =>
  reap({ api, driver: simulatedDriver(noFailures), startBoot: async () => undefined, silence: 0, ...changes });

const prepared = async (before: (server: Awaited<ReturnType<typeof createServer>>) => Promise<unknown>) => {
  const server = await createServer(cloud);
  await before(server);
  return { ...server, run: () => runReaper() };
};

const inItsCell = {
  ...{ allocated: 'here', request: null, mapping: { cell: 'here', token: 1, deleted: false }, cleanups: ['here'] },
  rows: { here: { state: 'building', token: 1, host: 'allocated' as const } },
};

/** Every run asks for silent boots, for allocations of deleted servers and for pending cleanups first. */
const questions = [{}, {}, {}];

const silentBoot: Step = {
  async prepare() {
    return { server: await acceptServer(cloud), run: () => runReaper({ silence: 60 }) };
  },
  standings: [atRest, ...questions],
  end: () => 'ACTIVE',
};

const endedBuild: Step = {
  prepare: () => prepared(({ created }) => buildOnHost(simulatedDriver(noFailures), created)),
  standings: [
    { ...inItsCell, shown: 'ACTIVE', rows: { here: { state: 'active', token: 1, host: 'allocated' } } },
    ...[...questions, {}],
    { cleanups: [] },
  ],
  end: () => 'ACTIVE',
};

const failedBuild: Step = {
  prepare: () =>
    prepared(({ server, here, created: { host, fencing_token } }) =>
      failInstance(cloud.database(here), { uuid: server.id, fencing_token }, host, { code: 500, message: 'No.', details: '' }),
    ),
  standings: [
    { ...inItsCell, shown: 'ERROR', rows: { here: { state: 'error', token: 1, host: null } } },
    ...[...questions, {}],
    { allocated: null },
    { cleanups: [] },
  ],
  end: () => 'ERROR',
};

const begunDelete: Step = {
  prepare: () =>
    prepared(async ({ server: { id, caller }, here }) => {
      await findInstanceMappingToChange(api, id, caller.projectId);
      await deleteInstance(cloud.database(here), id, {
        requestId: 'req',
        userId: caller.userId,
        projectId: caller.projectId,
        force: false,
      });
    }),
  standings: [
    { ...inItsCell, shown: 404, listed: 0, rows: { here: { state: 'deleted', token: 1, host: 'allocated' } } },
    ...[...questions, {}],
    {
      ...{ used: 0, allocated: null, mapping: { cell: 'here', token: 1, deleted: true }, cleanups: [] },
      rows: { here: { state: 'deleted', token: 1, host: 'other' } },
    },
    {},
  ],
  end: () => 404,
};

describe.each<[string, Step]>([
  ['that meets a boot of which it was heard', silentBoot],
  ['that meets a build that ended', endedBuild],
  ['that meets a build that failed', failedBuild],
  ['that meets a delete that stopped in the cell', begunDelete],
])('a reaper %s', (_, step) => {
  test('stops after any of its statements, and the next one finishes it', () => stopsAnywhere(cloud, step));
  test('runs twice, from wherever it stopped', () => runsTwice(cloud, step));
});

test('a boot that is silent gets another execution with the next token, which is started', async () => {
  const server = await acceptServer(cloud);
  const started: StartedBoot[] = [];
  const startBoot = async (boot: StartedBoot) => void started.push(boot);
  expect(await runReaper({ startBoot, silence: 60 })).toMatchObject({ restarted: 0 });
  expect(started).toEqual([]);
  await query(api, `update build_requests set updated_at = now() - interval '61 seconds'`);
  expect(await runReaper({ startBoot, silence: 60 })).toEqual({
    restarted: 1,
    resumed: 0,
    moved: 0,
    guestsEnded: 0,
    overdue: 0,
    released: 0,
    tasks: 0,
    oldestTask: 0,
    purged: 0,
    unreachable: [],
  });
  expect(started).toEqual([
    { execution: expect.stringMatching(`^${server.execution}-`), requestId: server.requestId, servers: [server.id] },
  ]);
  expect(await standingOf(cloud, server)).toEqual({ ...atRest, request: { target: null, token: 2 } });
  await comeToRest(cloud.service);
});

test('a build that is silent in its cell gets another execution with the next token, which is started; it stays noted', async () => {
  const { server, here } = await createServer(cloud);
  const started: StartedBoot[] = [];
  const startBoot = async (boot: StartedBoot) => void started.push(boot);
  expect(await runReaper({ startBoot })).toEqual({
    restarted: 0,
    resumed: 1,
    moved: 0,
    guestsEnded: 0,
    overdue: 0,
    released: 0,
    tasks: 0,
    oldestTask: 0,
    purged: 0,
    unreachable: [],
  });
  expect(started).toEqual([{ execution: expect.stringMatching('^resume-[0-9a-f-]{36}-\\d+$'), requestId: null, servers: [server.id] }]);
  expect(await standingOf(cloud, server, here)).toEqual({ ...atRest, ...inItsCell, mapping: { cell: 'here', token: 2, deleted: false } });
  await comeToRest(cloud.service);
});

test('what a cell holds of a server that released it as its target is removed, and the cleanup with it', async () => {
  const { server, placement, here } = await scheduleServer(cloud);
  await stopAfter(cloud, 2, () => createInCell(api, placement));
  await releaseTargetCell(api, server.execution, server.id);
  expect(await standingOf(cloud, server, here)).toMatchObject({ rows: { here: { state: 'building' } }, cleanups: ['here'] });
  const nothingElse = { oldestTask: 0, resumed: 0, moved: 0, guestsEnded: 0, overdue: 0, released: 0, tasks: 0 };
  expect(await runReaper()).toEqual({ ...nothingElse, restarted: 1, purged: 1, unreachable: [] });
  expect(await standingOf(cloud, server, here)).toEqual({ ...atRest, request: { target: null, token: 3 } });
  await comeToRest(cloud.service);
});

test('a host ends what a deleted server ran there, by its token', async () => {
  const { server, here, created: build } = await createServer(cloud);
  const { id, caller } = server;
  await findInstanceMappingToChange(api, id, caller.projectId);
  await deleteInstance(cloud.database(here), id, { requestId: 'req', userId: caller.userId, projectId: caller.projectId, force: false });
  const begin = vi.fn<Driver['begin']>(async () => ({ result: 'success' }));
  expect(await runReaper({ driver: { ...simulatedDriver(noFailures), begin } })).toMatchObject({ released: 1 });
  const { host, connection: cell } = build;
  expect(begin.mock.calls).toEqual([[{ operation: 'destroy', server: id, host, cell, fencing_token: 1 }]]);
});

test('a cell that does not answer delays its own part only', async () => {
  const [one, two] = [await createServer(cloud), await createServer(cloud)];
  const fault = cloud.service.dataApi.faults.add({ kind: 'down', cluster: one.here });
  const reaped = await runReaper();
  fault.lift();
  expect(reaped).toMatchObject({ unreachable: [one.here], resumed: one.here === two.here ? 0 : 1 });
  expect((await standingOf(cloud, one.server, one.here)).cleanups).toEqual(['here']);
  await comeToRest(cloud.service);
});

test('many boots are started some at a time, and one that cannot be started keeps no other from it', { timeout: 60_000 }, async () => {
  const servers = await Promise.all(Array.from({ length: 120 }, () => acceptServer(cloud)));
  const started: string[] = [];
  let atOnce = 0;
  let most = 0;
  const startBoot = async ({ servers: ids }: StartedBoot) => {
    most = Math.max(most, ++atOnce);
    await setImmediate();
    atOnce -= 1;
    started.push(...ids);
    if (started.length === 1) throw new Error('throttled');
  };
  await expect(runReaper({ startBoot })).rejects.toThrow('throttled');
  expect(most).toBe(50);
  expect(started).toEqual(expect.arrayContaining(servers.map(({ id }) => id)));
});
