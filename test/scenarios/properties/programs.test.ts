/**
 * Random programs of boots, deletes, actions, failing hosts, cells that are down or asleep, reapers and crashes, against a model that knows only what clients were
 * promised. While a program runs no promised server is ever missing and no deleted one is ever seen; at rest the audit finds nothing.
 * PROGRAMS sets how many (`npm run soak` sets 100,000), SEED repeats a run.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { type Cloud, startCloud, type User } from '../../fixtures/cloud.ts';
import { comeToRest, reapNow } from '../../fixtures/rest.ts';

const programs = Number(process.env.PROGRAMS ?? 150);
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

let cloud: Cloud;
let giant: string;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 2 });
  giant = await cloud.newFlavor({ disk: 1_000 });
  await cloud.newImage({ id: otherImage });
});
afterAll(() => cloud?.stop());

/** What clients were promised. */
interface Model {
  user: User;
  /** Accepted and not acknowledged as deleted. */
  living: Set<string>;
  /** A delete was sent and not clearly answered. */
  doubtful: Set<string>;
  deleted: Set<string>;
}

type Command = (model: Model) => Promise<void>;

const hosts = ['cell1-host1', 'cell1-host2', 'cell2-host1', 'cell2-host2'];
const clusters = ['api', 'cell0', 'cell1', 'cell2'];

function boot(server: () => object): Command {
  return async ({ user, living }) => {
    const body = { server: { name: 's', imageRef: cirros, flavorRef: '1', networks: 'none', ...server() } };
    const { status, body: answer } = await user.send<{ server: { id: string } }>('POST', '/servers', { body });
    if (status === 202) living.add(answer.server.id);
    else expect([403, 503]).toContain(status);
  };
}

const cirros = 'c1220500-0000-4000-8000-000000000001';
const otherImage = randomUUID();

const actions = [
  ...['os-start', 'os-stop', 'pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue'].map((name) => ({ [name]: null })),
  ...['SOFT', 'HARD'].map((type) => ({ reboot: { type } })),
  ...[cirros, otherImage].map((imageRef) => ({ rebuild: { imageRef, name: 'rebuilt' } })),
];

/** The states in which a server may be at rest, with its power state. */
const states = ['ACTIVE 1', 'SHUTOFF 4', 'PAUSED 3', 'SUSPENDED 7', 'RESCUE 1', 'ERROR 0', 'ERROR 1', 'ERROR 3', 'ERROR 4', 'ERROR 7'];

const commands = {
  boot: fc.constant(boot(() => ({}))),
  bootTwo: fc.constant(boot(() => ({ min_count: 2, max_count: 2 }))),
  bootGiant: fc.constant(boot(() => ({ flavorRef: giant }))),
  remove: fc.nat(9).map(
    (pick): Command =>
      async ({ user, living, doubtful, deleted }) => {
        const id = [...living][pick % Math.max(1, living.size)];
        if (id === undefined) return;
        const { status } = await user.send('DELETE', `/servers/${id}`);
        living.delete(id);
        if (status === 204) deleted.add(id);
        else {
          expect(status).toBe(503);
          doubtful.add(id);
        }
      },
  ),
  act: fc.tuple(fc.nat(9), fc.constantFrom(...actions)).map(
    ([pick, action]): Command =>
      async ({ user, living }) => {
        const id = [...living][pick % Math.max(1, living.size)];
        if (id === undefined) return;
        const { status } = await user.send('POST', `/servers/${id}/action`, { body: action });
        // Nova looks for some servers in their cells alone.
        expect([200, 202, 404, 409, 503]).toContain(status);
        if (status === 404) expect((await user.send('GET', `/servers/${id}`)).status).toBe(200);
      },
  ),
  failHosts: fc.tuple(fc.subarray(hosts), fc.constantFrom({}, { reportAfter: 0 }, { reportAfter: 0, doubledReports: true })).map(
    ([failingHosts, reports]): Command =>
      async () => {
        process.env.SIMULATION = JSON.stringify({ failingHosts, ...reports });
      },
  ),
  down: fc.constantFrom(...clusters).map(
    (cluster): Command =>
      async () => {
        cloud.service.dataApi.faults.add({ cluster, kind: 'down' });
      },
  ),
  asleep: fc.constantFrom(...clusters).map(
    (cluster): Command =>
      async () => {
        cloud.service.dataApi.faults.add({ cluster, kind: 'paused', milliseconds: 40 });
      },
  ),
  losesAnswers: fc.tuple(fc.constantFrom(...clusters), fc.integer({ min: 1, max: 4 })).map(
    ([cluster, nth]): Command =>
      async () => {
        cloud.service.dataApi.faults.add({ cluster, kind: 'after', nth });
      },
  ),
  back: fc.constant<Command>(async () => cloud.service.dataApi.faults.clear()),
  pass: fc.integer({ min: 1, max: 30 }).map(
    (milliseconds): Command =>
      () =>
        new Promise((resolve) => setTimeout(resolve, milliseconds)),
  ),
  reap: fc.constant<Command>(async () => void (await reapNow(cloud.service).catch(() => undefined))),
  crash: fc.constant<Command>(async () => cloud.service.workflow.stop()),
};

const program = fc.array(
  fc.oneof(
    ...Object.entries(commands).map(([name, arbitrary]) =>
      (arbitrary as fc.Arbitrary<Command>).map((run) => Object.assign(run, { [fc.toStringMethod]: () => name })),
    ),
  ),
  { minLength: 1, maxLength: 10 },
);

interface RestingServer {
  id: string;
  status: string;
  'OS-EXT-STS:power_state': number;
  'OS-EXT-STS:task_state': string | null;
}

async function expectPromises({ user, living, deleted }: Model, reachable: boolean): Promise<void> {
  const check = async (id: string, expected: number[]) => expect(expected).toContain((await user.send('GET', `/servers/${id}`)).status);
  await Promise.all([...living].map((id) => check(id, reachable ? [200] : [200, 503])));
  await Promise.all([...deleted].map((id) => check(id, reachable ? [404] : [404, 503])));
}

async function run(program: readonly Command[]): Promise<void> {
  delete process.env.SIMULATION;
  // What a failing program broke stays broken while fast-check looks for a shorter one.
  const before = await findings();
  const model: Model = { user: await cloud.newUser(), living: new Set(), doubtful: new Set(), deleted: new Set() };
  const { user, living, doubtful, deleted } = model;
  try {
    for (const command of program) {
      await command(model);
      await expectPromises(model, false);
    }
  } finally {
    await comeToRest(cloud.service);
  }
  await expectPromises(model, true);
  const { body } = await user.send<{ servers: RestingServer[] }>('GET', '/servers/detail');
  const ids = body.servers.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of living) expect(ids).toContain(id);
  for (const id of deleted) expect(ids).not.toContain(id);
  for (const { status, 'OS-EXT-STS:power_state': power, 'OS-EXT-STS:task_state': task } of body.servers) {
    expect(states).toContain(`${status} ${power}`);
    expect(task).toBeNull();
  }
  expect(await findings()).toEqual(before);
  for (const id of new Set([...ids, ...doubtful])) expect([204, 404]).toContain((await user.send('DELETE', `/servers/${id}`)).status);
}

const findings = async () => (await audit(cloud.service.api, { settled: true })).findings;

test(`${programs} random programs keep every promise (seed ${seed})`, { timeout: 0 }, async () => {
  await fc.assert(fc.asyncProperty(program, run), { seed, numRuns: programs, endOnFailure: false });
  await comeToRest(cloud.service);
  expect(await findings()).toEqual([]);
});
