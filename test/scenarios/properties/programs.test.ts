/**
 * Random programs of boots, second chances, deletes, actions, changes, failing hosts, cells that are down or asleep, reapers and crashes, against a model that knows only what clients
 * were promised. While a program runs no promised server is ever missing, none is listed twice, no deleted one is ever seen, what was changed is shown, and states
 * stand only as Nova has them; at rest the audit finds nothing.
 * PROGRAMS sets how many (`npm run soak` sets 100,000), SEED repeats a run.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { rescheduleBuried } from '../../../compute/servers/reschedule-buried.ts';
import { type ServerAction, serverActions } from '../../../compute/servers/tasks/actions.ts';
import { query } from '../../../database/data-api/client.ts';
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
  /** An admin of the same project. */
  admin: User;
  /** Accepted and not acknowledged as deleted, with what each may show: one value, or more after an answer that was not clear. */
  living: Map<string, Shown>;
  /** A delete was sent and not clearly answered. */
  doubtful: Set<string>;
  deleted: Set<string>;
  /** An admin has set their state, which may be any then. */
  reset: Set<string>;
  /** Whether every database answers. */
  whole: boolean;
}

/** Values that a server may show. */
interface Shown {
  name: unknown[];
  /** Of its metadata, the item `role`. */
  role: unknown[];
  /** Whether it has the tag `blue`. */
  blue: unknown[];
  locked: unknown[];
}

type Command = (model: Model) => Promise<void>;

const hosts = ['cell1-host1', 'cell1-host2', 'cell2-host1', 'cell2-host2'];
const clusters = ['api', 'cell0', 'cell1', 'cell2'];

function boot(server: () => object): Command {
  return async ({ user, living }) => {
    const body = { server: { name: 's', imageRef: cirros, flavorRef: '1', networks: 'none', ...server() } };
    const { status, body: answer } = await user.send<{ server: { id: string } }>('POST', '/servers', { body });
    const shown = { role: [undefined], blue: [false], locked: [false] };
    if (status === 202) living.set(answer.server.id, { ...shown, name: 'min_count' in body.server ? ['s-1'] : ['s'] });
    else expect([403, 503]).toContain(status);
  };
}

const cirros = 'c1220500-0000-4000-8000-000000000001';
const otherImage = randomUUID();

const actions = [
  ...['os-start', 'os-stop', 'pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue', 'trigger_crash_dump', 'injectNetworkInfo'].map(
    (name) => ({ [name]: null }),
  ),
  ...['SOFT', 'HARD'].map((type) => ({ reboot: { type } })),
  { changePassword: { adminPass: 'secret' } },
  ...[cirros, otherImage].map((imageRef) => ({ rebuild: { imageRef, name: 'rebuilt' } })),
  ...[{ createImage: { name: 'image' } }, { createBackup: { name: 'backup', backup_type: 'daily', rotation: 1 } }],
];

/** A change, and what is shown of it when it was made. */
interface Change {
  method: string;
  path: string;
  body?: object;
  made: Partial<Record<keyof Shown, unknown>>;
}

const act = (body: object, made: Change['made']): Change => ({ method: 'POST', path: '/action', body, made });
const changes: readonly Change[] = [
  ...['one', 'other'].flatMap((value): Change[] => [
    { method: 'PUT', path: '', body: { server: { name: value } }, made: { name: value } },
    { method: 'POST', path: '/metadata', body: { metadata: { role: value } }, made: { role: value } },
    { method: 'PUT', path: '/metadata/role', body: { meta: { role: value } }, made: { role: value } },
  ]),
  { method: 'PUT', path: '/metadata', body: { metadata: { size: '1' } }, made: { role: undefined } },
  { method: 'DELETE', path: '/metadata/role', made: { role: undefined } },
  { method: 'PUT', path: '/tags', body: { tags: ['blue', 'red'] }, made: { blue: true } },
  { method: 'PUT', path: '/tags', body: { tags: ['red'] }, made: { blue: false } },
  { method: 'PUT', path: '/tags/blue', made: { blue: true } },
  { method: 'DELETE', path: '/tags/blue', made: { blue: false } },
  { method: 'DELETE', path: '/tags', made: { blue: false } },
  act({ lock: { locked_reason: 'a reason' } }, { locked: true }),
  act({ unlock: null }, { locked: false }),
];

/** One of the living servers. */
function pickOf({ living }: Model, pick: number): [id: string, shown: Shown] | undefined {
  return [...living][pick % Math.max(1, living.size)];
}

/** Asks for something of a server that lives, which may refuse or not answer; returns the status. */
async function ask(who: User, id: string, { method, path, body }: Pick<Change, 'method' | 'path' | 'body'>): Promise<number> {
  const { status } = await who.send(method, `/servers/${id}${path}`, body ? { body } : {});
  expect([200, 201, 202, 204, 404, 409, 503], `${method} ${path} ${JSON.stringify(body)}`).toContain(status);
  // Nova looks for some servers in their cells alone, and an item or a tag may not be there.
  if (status === 404) expect((await who.send('GET', `/servers/${id}`)).status).toBe(200);
  return status;
}

/** The states in which a server may be at rest, with its power state. */
const states = ['ACTIVE 1', 'SHUTOFF 4', 'PAUSED 3', 'SUSPENDED 7', 'RESCUE 1', 'ERROR 0', 'ERROR 1', 'ERROR 3', 'ERROR 4', 'ERROR 7'];

/** The states of servers in which each task state may stand. */
const tasksIn = new Map<string | null, ReadonlySet<string>>(
  Object.entries(Object.groupBy(Object.values<ServerAction>(serverActions), ({ taskState }) => String(taskState))).map(([task, all]) => [
    task,
    new Set(all?.flatMap(({ vmStates }) => vmStates)),
  ]),
);

const commands = {
  boot: fc.constant(boot(() => ({}))),
  bootTwo: fc.constant(boot(() => ({ min_count: 2, max_count: 2 }))),
  bootGiant: fc.constant(boot(() => ({ flavorRef: giant }))),
  remove: fc.nat(9).map(
    (pick): Command =>
      async ({ user, living, doubtful, deleted }) => {
        const [id, { locked = [] } = {}] = [...living][pick % Math.max(1, living.size)] ?? [];
        if (id === undefined) return;
        const { status } = await user.send('DELETE', `/servers/${id}`);
        if (status === 409) return void expect(locked).toContain(true);
        living.delete(id);
        if (status === 204) deleted.add(id);
        else {
          expect(status).toBe(503);
          doubtful.add(id);
        }
      },
  ),
  act: fc.tuple(fc.nat(9), fc.constantFrom(...actions)).map(
    ([pick, body]): Command =>
      async (model) => {
        const [id, shown] = pickOf(model, pick) ?? [];
        if (!id) return;
        const status = await ask('injectNetworkInfo' in body ? model.admin : model.user, id, { method: 'POST', path: '/action', body });
        const name = 'rebuild' in body ? body.rebuild?.name : undefined;
        if (name && (status === 202 || status === 503)) shown?.name.push(name);
      },
  ),
  change: fc.tuple(fc.nat(9), fc.constantFrom(...changes)).map(
    ([pick, change]): Command =>
      async (model) => {
        const [id, shown] = pickOf(model, pick) ?? [];
        if (!id || !shown) return;
        const status = await ask(model.user, id, change);
        for (const [key, value] of Object.entries(change.made) as [keyof Shown, unknown][]) {
          if (status === 503) shown[key].push(value);
          else if (status < 300) shown[key] = [value];
        }
      },
  ),
  resetState: fc.tuple(fc.nat(9), fc.constantFrom('active', 'error')).map(
    ([pick, state]): Command =>
      async (model) => {
        const [id] = pickOf(model, pick) ?? [];
        if (!id) return;
        const status = await ask(model.admin, id, { method: 'POST', path: '/action', body: { 'os-resetState': { state } } });
        if (status === 202 || status === 503) model.reset.add(id);
      },
  ),
  sendAgain: fc.constant<Command>(async ({ user }) => {
    const options = { dryRun: false, before: async () => {}, progress: () => {} };
    const ofUser = { servers: null, project: user.projectId, cause: null };
    await rescheduleBuried(cloud.service.api, ofUser, options).catch(unreachable);
  }),
  failHosts: fc
    .tuple(
      fc.subarray(hosts),
      fc.constantFrom(
        {},
        { reportAfter: 0 },
        { reportAfter: 0, doubledReports: true },
        { reportAfter: 0, lostChance: 0.5, timeAllowed: 0 },
      ),
      fc.constantFrom([], [], ['destroy'], ['power_off', 'reboot'], ['pause', 'suspend', 'rescue'], ['resume', 'unrescue', 'power_on']),
      fc.constantFrom(0, 0.3),
    )
    .map(
      ([failingHosts, reports, failingOperations, failureChance]): Command =>
        async () => {
          process.env.SIMULATION = JSON.stringify({ failingHosts, failingOperations, failureChance, ...reports });
        },
    ),
  down: fc.constantFrom(...clusters).map(
    (cluster): Command =>
      async (model) => {
        model.whole = false;
        cloud.service.dataApi.faults.add({ cluster, kind: 'down' });
      },
  ),
  asleep: fc.constantFrom(...clusters).map(
    (cluster): Command =>
      async (model) => {
        model.whole = false;
        cloud.service.dataApi.faults.add({ cluster, kind: 'paused', milliseconds: 40 });
      },
  ),
  losesAnswers: fc.tuple(fc.constantFrom(...clusters), fc.integer({ min: 1, max: 4 })).map(
    ([cluster, nth]): Command =>
      async (model) => {
        model.whole = false;
        cloud.service.dataApi.faults.add({ cluster, kind: 'after', nth });
      },
  ),
  back: fc.constant<Command>(async (model) => {
    cloud.service.dataApi.faults.clear();
    model.whole = true;
  }),
  pass: fc.integer({ min: 1, max: 30 }).map(
    (milliseconds): Command =>
      () =>
        new Promise((resolve) => setTimeout(resolve, milliseconds)),
  ),
  reap: fc.constant<Command>(async () => void (await reapNow(cloud.service).catch(() => undefined))),
  crash: fc.constant<Command>(async () => cloud.service.workflow.stop()),
};

const named = Object.entries(commands).map(([name, arbitrary]) =>
  (arbitrary as fc.Arbitrary<Command>).map((run) => Object.assign(run, { [fc.toStringMethod]: () => name })),
);

/** Each begins with a server, so that there is something to change. */
/** An operator's command ends when a database does not answer. */
function unreachable(error: unknown): void {
  expect(error).toMatchObject({ name: 'DatabaseUnreachable' });
}

const program = fc.array(fc.oneof(...named), { minLength: 1, maxLength: 12 }).map((rest) => [boot(() => ({})), ...rest]);

interface ListedServer {
  id: string;
  name?: string;
  metadata?: Record<string, string>;
  tags?: string[];
  locked?: boolean;
  status: string;
  'OS-EXT-STS:vm_state'?: string;
  'OS-EXT-STS:power_state': number;
  'OS-EXT-STS:task_state': string | null;
}

async function expectPromises({ user, living, deleted, doubtful, reset, whole }: Model): Promise<void> {
  const check = async (id: string, expected: number[]) => {
    const { status, body } = await user.send<{ server: ListedServer }>('GET', `/servers/${id}`);
    expect(expected).toContain(status);
    if (status === 200) expectShown(body.server, living.get(id));
  };
  await Promise.all([...living.keys()].map((id) => check(id, whole ? [200] : [200, 503])));
  await Promise.all([...deleted].map((id) => check(id, whole ? [404] : [404, 503])));
  const { status, body } = await user.send<{ servers: ListedServer[] }>('GET', '/servers/detail');
  if (status !== 200 && !whole) return;
  const ids = body.servers.map(({ id }) => id);
  expect(new Set(ids).size, 'listed once').toBe(ids.length);
  for (const id of deleted) expect(ids).not.toContain(id);
  if (whole) for (const id of living.keys()) expect(ids, 'in a full listing').toContain(id);
  for (const server of body.servers) {
    if (!doubtful.has(server.id)) expectShown(server, living.get(server.id));
    const { 'OS-EXT-STS:vm_state': vmState, 'OS-EXT-STS:task_state': task } = server;
    if (vmState === undefined || vmState === 'building' || task === null || reset.has(server.id)) continue;
    expect(tasksIn.get(task) ?? new Set(), `a server that is ${vmState} and ${task}`).toContain(vmState);
  }
}

/** A server shows what was acknowledged; one whose cell does not answer shows none of it. */
function expectShown({ name, metadata, tags, locked }: ListedServer, shown: Shown | undefined): void {
  if (!shown || name === undefined) return;
  expect(shown.name).toContain(name);
  expect(shown.role).toContain(metadata?.role);
  expect(shown.blue).toContain(tags?.includes('blue'));
  expect(shown.locked).toContain(locked);
}

/** Lets all end that waits until it is due. */
async function comeToLastRest(): Promise<void> {
  await comeToRest(cloud.service);
  await query(cloud.service.api, 'update pending_cleanups set due_at = now()');
  await comeToRest(cloud.service);
}

async function run(program: readonly Command[]): Promise<void> {
  delete process.env.SIMULATION;
  // What a failing program broke stays broken while fast-check looks for a shorter one.
  const before = await findings();
  const user = await cloud.newUser();
  const admin = await cloud.newUser('admin', user.projectId);
  const model: Model = { user, admin, living: new Map(), doubtful: new Set(), deleted: new Set(), reset: new Set(), whole: true };
  const { living, doubtful, deleted, reset } = model;
  try {
    for (const command of program) {
      await command(model);
      await expectPromises(model);
    }
  } finally {
    await comeToLastRest();
  }
  await expectPromises({ ...model, whole: true });
  const { body } = await user.send<{ servers: ListedServer[] }>('GET', '/servers/detail');
  for (const { id, status, 'OS-EXT-STS:power_state': power, 'OS-EXT-STS:task_state': task } of body.servers) {
    if (reset.has(id)) expect(status).toMatch(/^(ACTIVE|SHUTOFF|PAUSED|SUSPENDED|RESCUE|ERROR)$/);
    else expect(states).toContain(`${status} ${power}`);
    expect(task).toBeNull();
  }
  expect(await findings()).toEqual(before);
  for (const id of new Set([...body.servers.map(({ id }) => id), ...doubtful])) {
    expect([204, 404]).toContain((await admin.send('DELETE', `/servers/${id}`)).status);
  }
  expect((await user.send<{ servers: [] }>('GET', '/servers')).body.servers).toEqual([]);
  await comeToLastRest();
  for (const id of [...deleted, ...living.keys()]) {
    const allocations = 'select used from allocations where consumer_id = :id::uuid';
    expect(await query(cloud.service.api, allocations, { id })).toEqual([]);
  }
}

const findings = async () => (await audit(cloud.service.api, { settled: true })).findings;

test(`${programs} random programs keep every promise (seed ${seed})`, { timeout: 0 }, async () => {
  await fc.assert(fc.asyncProperty(program, run), { seed, numRuns: programs, endOnFailure: false });
  await comeToRest(cloud.service);
  expect(await findings()).toEqual([]);
});
