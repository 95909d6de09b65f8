/** A boot at one go: to its end, from host to host, and what stops it before anything was lost. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { bootOne } from '../../../compute/boot/boot-one.ts';
import { SeveralServers } from '../../../compute/boot/several-servers.ts';
import { BuildAborted, BuildFailure, type Driver } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { NoValidHost } from '../../../compute/scheduler/no-valid-host.ts';
import { deleteServer } from '../../../compute/servers/delete-server.ts';
import { type Database, DatabaseUnreachable, query } from '../../../database/data-api/client.ts';
import { beforeStatement } from '../../fixtures/before-statement.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { atRest, standingOf } from '../../fixtures/standing.ts';
import { acceptServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4, retryAfter: 2 });
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());
afterEach(async () => {
  cloud.service.dataApi.faults.clear();
  await comeToRest(cloud.service);
  await query(api, 'delete from build_failures');
});

let spawned: string[] = [];
/** Hosts of which the first few fail, in the order in which they are asked. */
function hosts(...failures: Error[]): Driver {
  spawned = [];
  return {
    ...simulatedDriver(noFailures),
    async begin({ operation, host }) {
      if (operation !== 'spawn') return { result: 'success' };
      const failure = failures[spawned.length];
      spawned.push(host);
      if (failure instanceof BuildFailure) return { result: 'failure', message: failure.message };
      if (failure instanceof BuildAborted) return { result: 'failure', message: failure.message, aborted: true };
      if (failure) throw failure;
      return { result: 'success' };
    },
  };
}

async function accepted(flavorId?: string) {
  const server = await acceptServer(cloud, flavorId);
  return {
    server,
    run: (driver: Driver, execution = server.execution) => bootOne(api, driver, { execution, servers: [server.id] }),
    look: () => standingOf(cloud, server),
  };
}

test.each([
  ['the first host', []],
  ['the second, when the first fails', [new BuildFailure('No.')]],
  ['the third, when two fail, in whatever way', [new BuildFailure('No.'), new TypeError('What?')]],
])('a server is ACTIVE on %s', async (_, failures) => {
  const { server, run, look } = await accepted();
  expect(await run(hosts(...failures))).toEqual({ build: expect.objectContaining({ uuid: server.id }), failure: null });
  expect(new Set(spawned).size).toBe(failures.length + 1);
  expect(await look()).toMatchObject({ shown: 'ACTIVE', allocated: 'here', rows: { here: { state: 'active', host: 'allocated' } } });
});

test.each([
  ['all hosts fail', 3, new BuildFailure('No.'), 'Exceeded max scheduling attempts 3 for instance'],
  ['one says that none will do', 1, new BuildAborted('The image is broken.'), 'The image is broken.'],
])('when %s the server is in ERROR in its cell, with the failure', async (_, count, error, sentence) => {
  const { server, run, look } = await accepted();
  const end = await run(hosts(error, error, error));
  expect(end).toMatchObject({ build: { uuid: server.id }, failure: { sentence: expect.stringContaining(sentence) } });
  expect(spawned).toHaveLength(count);
  expect(await look()).toMatchObject({ shown: 'ERROR', allocated: null, rows: { there: { state: 'error', host: null } } });
});

test('a host that cannot be asked is left for the next one, and need not be there to clean up', async () => {
  const { run, look } = await accepted();
  let down = '';
  const driver = hosts();
  const unreachable: Driver = {
    ...driver,
    async begin(operation) {
      down ||= operation.host;
      if (operation.host === down) throw new Error('No route to host');
      return driver.begin(operation);
    },
  };
  expect(await run(unreachable)).toMatchObject({ failure: null });
  expect(spawned).toEqual([expect.not.stringMatching(`^${down}$`)]);
  expect(await look()).toMatchObject({ shown: 'ACTIVE', rows: { here: { host: 'allocated' } } });
});

test('without a host it has none, and nothing is changed', async () => {
  const { run } = await accepted(await cloud.newFlavor({ disk: 10_000 }));
  await changesNothing(api, () => expect(run(hosts())).rejects.toThrow(NoValidHost));
});

test('several servers are left alone at once, and none too', async () => {
  const [one, two] = [await acceptServer(cloud), await acceptServer(cloud)];
  const mark = cloud.service.dataApi.calls.mark();
  for (const servers of [[one.id, two.id], []]) {
    await expect(bootOne(api, hosts(), { execution: one.execution, servers })).rejects.toThrow(SeveralServers);
  }
  expect(cloud.service.dataApi.calls.since(mark)).toEqual([]);
});

test('a server of another execution is left alone', async () => {
  const { run, look } = await accepted();
  expect(await run(hosts(), 'another')).toBeUndefined();
  expect([spawned, await look()]).toEqual([[], atRest]);
});

test.each(['insert into instances', "vm_state = 'active'"])(
  'a delete that comes before the statement with %s ends the boot',
  async (text) => {
    const { server, run, look } = await accepted();
    const remove = () => deleteServer(api, hosts(), server.caller, 'req', server.id);
    expect(await beforeStatement(text, remove, () => run(hosts()))).toBeUndefined();
    expect(await look()).toMatchObject({ shown: 404, used: 0 });
  },
);

test('a cell that does not answer is no failure of the host: the boot stops there, and goes on when it answers', async () => {
  const { run, look } = await accepted();
  const silent = cloud.service.dataApi.faults.add({ cluster: 'cell1', kind: 'down', sql: (sql) => sql.includes("vm_state = 'active'") });
  await expect(run(hosts())).rejects.toThrow(DatabaseUnreachable);
  expect(await query(api, 'select * from build_failures')).toEqual([]);
  silent.lift();
  expect(await run(hosts())).toMatchObject({ failure: null });
  expect(await look()).toMatchObject({ shown: 'ACTIVE' });
});
