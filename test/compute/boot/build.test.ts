/** How a build ends: on its host, on an alternate, or in ERROR in its own cell; and that it ends for its owner only. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import type { CreatedInCell } from '../../../compute/boot/create-in-cell.ts';
import { failInCell } from '../../../compute/boot/fail-in-cell.ts';
import type { Failure } from '../../../compute/boot/failure.ts';
import { OwnershipLost } from '../../../compute/boot/ownership-lost.ts';
import { MaxRetriesExceeded, reschedule } from '../../../compute/boot/reschedule.ts';
import { BuildAborted, BuildFailure, type Driver } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { configuration } from '../../../compute/scheduler/configuration.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { standingOf } from '../../fixtures/standing.ts';
import { type Accepted, createServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4, retryAfter: 2 });
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());
afterEach(async () => {
  await comeToRest(cloud.service);
  await query(api, 'delete from build_failures');
});

/** Hosts that note what they were asked. */
let asked: unknown[] = [];
const driver: Driver = {
  ...simulatedDriver(noFailures),
  async begin({ operation, host, server, fencing_token }) {
    asked.push([operation, host, server, fencing_token]);
    return { result: 'success' };
  },
};

async function created() {
  asked = [];
  const { server, created, instance, here } = await createServer(cloud);
  return { server, created, instance, look: () => standingOf(cloud, server, here) };
}

const failure: Failure = {
  error: 'BuildFailure',
  cause: 'BuildFailure',
  sentence: 'The host is broken.',
  details: 'The host is broken.\nIts disk, that is.',
};
const aborted: Failure = { ...failure, error: 'BuildAborted', cause: 'BuildAborted' };

test('a build that its host has started is ACTIVE, and says how long it took', async () => {
  const { server, created: build, look } = await created();
  expect(await buildOnHost(driver, build)).toEqual({
    ...{ uuid: server.id, reservation_id: server.execution, request_id: server.requestId, seconds: expect.any(Number) },
  });
  expect(asked).toEqual([['spawn', build.host, server.id, 1]]);
  expect(await look()).toMatchObject({ shown: 'ACTIVE' });
  expect(await buildOnHost(driver, build), 'a second time').toMatchObject({ uuid: server.id, seconds: null });
});

test.each<[string, Partial<CreatedInCell>]>([
  ['another host', { host: 'cell1-host9' }],
  ['another owner', { fencing_token: 2 }],
])('a server that has %s is stopped again, and stays in BUILD', async (_, other) => {
  const { server, created: build, instance, look } = await created();
  const late = { ...build, ...other };
  expect(await buildOnHost(driver, late)).toBeUndefined();
  expect(asked, 'where the row is read first').toEqual([]);
  expect(await buildOnHost(driver, late, instance)).toBeUndefined();
  expect(asked.at(-1)).toEqual(['destroy', late.host, server.id, late.fencing_token]);
  expect(await look()).toMatchObject({ shown: 'BUILD', rows: { here: { state: 'building' } } });
});

test('a host that fails leaves the server to its alternates', async () => {
  const { created: build, look } = await created();
  const broken = simulatedDriver({ ...noFailures, failingOperations: ['spawn'] });
  await expect(buildOnHost(broken, build)).rejects.toThrow(BuildFailure);
  expect(await look()).toMatchObject({ shown: 'BUILD', rows: { here: { state: 'building', host: 'allocated' } } });
});

test("a server is tried on as many hosts as Nova's default says: the first and its alternates", () => {
  expect(configuration.maxAttempts).toBe(3);
});

test('an alternate takes the server; those before it are not tried again, and the host that failed forgets it first', async () => {
  const { server, created: build, look } = await created();
  const [first = '', second = ''] = build.alternates;
  await query(
    api,
    `update inventories set used = total where resource_class = 'DISK_GB' and resource_provider_id = (select id from resource_providers where name = :first)`,
    { first },
  );
  const { created: next } = await reschedule(api, driver, build, failure);
  await query(api, `update inventories set used = 0 where resource_provider_id = (select id from resource_providers where name = :first)`, {
    first,
  });
  expect(next).toEqual({ ...build, host: second, alternates: [], attempt: 2 });
  expect(asked).toEqual([['destroy', build.host, server.id, 1]]);
  expect(await look()).toMatchObject({ allocated: 'here', rows: { here: { state: 'building', token: 1, host: 'allocated' } } });
});

test('the third host is the last: then Nova’s sentence says so, with the details of the failure', async () => {
  const { server, created: build } = await created();
  const { created: second } = await reschedule(api, driver, build, failure);
  const { created: third } = await reschedule(api, driver, second, failure);
  expect(third).toMatchObject({ host: build.alternates[1], alternates: [], attempt: 3 });
  await expect(reschedule(api, driver, third, failure)).rejects.toEqual(
    new MaxRetriesExceeded(
      `Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance ${server.id}. Last exception: The host is broken.\n${failure.details}`,
    ),
  );
});

test('without an alternate that will do the server fails, with Nova’s sentence', async () => {
  const { server, created: build } = await created();
  await expect(reschedule(api, driver, { ...build, alternates: [] }, failure)).rejects.toEqual(
    new MaxRetriesExceeded(
      `Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance ${server.id}.\n${failure.details}`,
    ),
  );
});

test('a build that was aborted is tried on no other host', async () => {
  const { created: build, look } = await created();
  const before = await look();
  await expect(reschedule(api, driver, build, aborted)).rejects.toEqual(new BuildAborted(aborted.details));
  expect(await look()).toEqual(before);
});

test('an execution that does not own the server moves it to no alternate', async () => {
  const { server, created: build, look } = await created();
  const before = await look();
  await expect(reschedule(api, driver, { ...build, fencing_token: 2 }, failure)).rejects.toThrow(OwnershipLost);
  expect(await look()).toEqual(before);
  await query(cloud.database('cell1'), 'update instances set fencing_token = 5 where uuid = :id::uuid', { id: server.id });
  await expect(reschedule(api, driver, build, failure), 'the row has a later owner').rejects.toThrow(OwnershipLost);
  expect((await look()).rows).toMatchObject({ here: { host: 'other', token: 5 } });
  await query(cloud.database('cell1'), 'update instances set fencing_token = 1 where uuid = :id::uuid', { id: server.id });
});

test('a server whose hosts have failed is in ERROR in its cell, without a host and without an allocation', async () => {
  const { server, created: build, look } = await created();
  expect(await failInCell(api, driver, build, failure)).toEqual({
    ...{ uuid: server.id, reservation_id: server.execution, request_id: server.requestId, seconds: expect.any(Number) },
  });
  expect(asked).toEqual([['destroy', build.host, server.id, 1]]);
  expect(await look()).toMatchObject({ shown: 'ERROR', allocated: null, rows: { here: { state: 'error', host: null } } });
  expect(await faultOf(server)).toEqual([{ code: 500, message: 'The host is broken.', details: failure.details }]);
});

test('an aborted build says that it was', async () => {
  const { server, created: build } = await created();
  await failInCell(api, driver, build, aborted);
  expect(await faultOf(server)).toMatchObject([{ message: `Build of instance ${server.id} aborted: The host is broken.` }]);
});

test.each<[string, Partial<CreatedInCell>]>([
  ['another host', { host: 'cell1-host9' }],
  ['another owner', { fencing_token: 2 }],
])('a server that has %s does not fail, and keeps its allocation', async (_, other) => {
  const { server, created: build, look } = await created();
  expect(await failInCell(api, driver, { ...build, ...other }, failure)).toBeUndefined();
  expect(await look()).toMatchObject({ shown: 'BUILD', allocated: 'here', rows: { here: { state: 'building', host: 'allocated' } } });
  expect(await faultOf(server)).toEqual([]);
});

const faultOf = ({ id }: Accepted) =>
  query(cloud.database('cell1'), 'select code, message, details from instance_faults where instance_uuid = :id::uuid', { id });
