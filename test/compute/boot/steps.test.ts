/** Each step of a boot, stopped after each of its statements and run twice. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { bootOne } from '../../../compute/boot/boot-one.ts';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import { buryInCell0 } from '../../../compute/boot/bury-in-cell0.ts';
import { createInCell } from '../../../compute/boot/create-in-cell.ts';
import { failInCell } from '../../../compute/boot/fail-in-cell.ts';
import type { Failure } from '../../../compute/boot/failure.ts';
import { reschedule } from '../../../compute/boot/reschedule.ts';
import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { tryAnotherCell } from '../../../compute/boot/try-another-cell.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { listPendingCleanups } from '../../../database/api/cells/pending-cleanups.ts';
import { takeOverBuilds } from '../../../database/api/reaper/stalled-boots.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import type { Standing } from '../../fixtures/standing.ts';
import { runsTwice, type Step, standingAfter, stopAfter, stopsAnywhere } from '../../fixtures/steps.ts';
import { acceptServer, createServer, scheduleServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 2 });
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());

const driver = simulatedDriver(noFailures);
const failure: Failure = { error: 'BuildFailure', cause: 'BuildFailure', sentence: 'It failed.', details: 'It failed.' };

const schedule: Step = {
  async prepare() {
    const server = await acceptServer(cloud);
    return { server, run: () => scheduleServers(api, server.execution, [server.id]) };
  },
  standings: [{}, {}, { allocated: 'here' }],
  end: () => 'ACTIVE',
};
const placed = standingAfter(schedule, 2);

const creation: Step = {
  async prepare() {
    const { server, here, placement } = await scheduleServer(cloud);
    return { server, here, run: () => createInCell(api, placement) };
  },
  standings: [
    placed,
    { request: { target: 'here', token: 1 } },
    { rows: { here: { state: 'building', token: 1, host: 'allocated' } } },
    { request: null, mapping: { cell: 'here', token: 1, deleted: false }, cleanups: ['here'] },
  ],
  end: () => 'ACTIVE',
};
const created = standingAfter(creation, 3);

/** A server that its cell has, taken over by another execution, which goes on with it. */
const resumption: Step = {
  async prepare() {
    const { server, here, placement } = await createServer(cloud);
    const pending = await listPendingCleanups(api, 0);
    const builds = pending.flatMap(({ own }) => own).filter(({ uuid }) => uuid === server.id);
    await takeOverBuilds(api, 'resume', placement.cell, builds);
    const again = await scheduleServer(cloud, server, 'resume');
    return { server, here, run: () => createInCell(api, again.placement) };
  },
  standings: [
    { ...created, mapping: { cell: 'here', token: 2, deleted: false } },
    {},
    { rows: { here: { state: 'building', token: 2, host: 'allocated' } } },
  ],
  end: () => 'ACTIVE',
};

const launched: Partial<Standing> = { shown: 'ACTIVE', rows: { here: { state: 'active', token: 1, host: 'allocated' } } };

const build: Step = {
  async prepare() {
    const { server, here, created } = await createServer(cloud);
    return { server, here, run: () => buildOnHost(driver, created) };
  },
  // It reads the server first, which the state of the execution does not hold.
  standings: [created, {}, launched],
  end: () => 'ACTIVE',
};

const alternate: Step = {
  async prepare() {
    const { server, here, created } = await createServer(cloud);
    return { server, here, run: () => reschedule(api, driver, created, failure) };
  },
  standings: [
    created,
    { rows: { here: { state: 'building', token: 1, host: 'other' } } },
    { rows: { here: { state: 'building', token: 1, host: 'allocated' } } },
  ],
  end: () => 'ACTIVE',
};

const failed: Step = {
  async prepare() {
    const { server, here, created } = await createServer(cloud);
    return { server, here, run: () => failInCell(api, driver, created, failure) };
  },
  standings: [created, { shown: 'ERROR', rows: { here: { state: 'error', token: 1, host: null } } }, { allocated: null }],
  end: (statements) => (statements === 0 ? 'ACTIVE' : 'ERROR'),
};

/** A server whose row is in its target cell, and whose commit never came. */
const another: Step = {
  async prepare() {
    const { server, here, placement } = await scheduleServer(cloud);
    await stopAfter(cloud, 2, () => createInCell(api, placement));
    return { server, here, run: () => tryAnotherCell(api, placement, failure) };
  },
  standings: [
    standingAfter(creation, 2),
    {
      ...{ request: { target: null, token: 2 }, allocated: null, cleanups: ['here'] },
      rows: { here: { state: 'building', token: 1, host: 'other' } },
    },
    {},
    { allocated: 'there' },
  ],
  end: () => 'ACTIVE',
};

const inCell0: Standing['rows'] = { cell0: { state: 'error', token: 1, host: null } };
const burial: Step = {
  async prepare() {
    const { server, here } = await scheduleServer(cloud);
    return { server, here, run: () => buryInCell0(api, server.execution, [server.id], failure) };
  },
  standings: [
    placed,
    { request: { target: 'cell0', token: 1 } },
    { rows: inCell0 },
    { shown: 'ERROR', request: null, mapping: { cell: 'cell0', token: 1, deleted: false }, allocated: null },
  ],
  end: (statements) => (statements < 3 ? 'ACTIVE' : 'ERROR'),
};

const atOneGo: Step = {
  async prepare() {
    const server = await acceptServer(cloud);
    return { server, run: () => bootOne(api, driver, { execution: server.execution, servers: [server.id] }) };
  },
  standings: [...schedule.standings, ...creation.standings.slice(1), launched],
  end: () => 'ACTIVE',
};

describe.each<[string, Step]>([
  ['BootOne', atOneGo],
  ['ScheduleServers', schedule],
  ['CreateInCell', creation],
  ['CreateInCell of a build that was taken over', resumption],
  ['BuildOnHost', build],
  ['Reschedule', alternate],
  ['FailInCell', failed],
  ['TryAnotherCell', another],
  ['BuryInCell0', burial],
])('%s', (_, step) => {
  test('stops after any of its statements, and the reaper finishes it', () => stopsAnywhere(cloud, step));
  test('runs twice, from wherever it stopped', () => runsTwice(cloud, step));
});
