/** What Step Functions keeps of one execution: 25,000 events and 262,144 bytes of state, whatever fails in it and however things are named. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { mostCells } from '../../../../compute/boot/try-another-cell.ts';
import { configuration } from '../../../../compute/scheduler/configuration.ts';
import { query } from '../../../../database/data-api/client.ts';
import { serversOfExecution } from '../../../../lambdas/workflows/boot/schedule-servers.ts';
import { workflows } from '../../../../lambdas/workflows/index.ts';
import { stateMachineArn } from '../../../../local/aws/arns.ts';
import { readDefinition } from '../../../../local/generate/definitions.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../../fixtures/cloud.ts';
import { reapNow } from '../../../fixtures/rest.ts';

const mostEvents = 25_000;
const mostBytes = 262_144;
const mostServers = 500;
const { maxAttempts } = configuration;

interface State {
  Type: string;
  Next?: string;
  Catch?: { Next: string }[];
  Retry?: { MaxAttempts: number }[];
}

/** How often a state can be taken at most, where it is part of a circle: the step behind it sees to that. */
const circles: Readonly<Record<string, number>> = { TryAnotherCell: mostCells, Reschedule: maxAttempts };

/** Events of the longest way through states: a state is entered and exited, and each attempt of a function scheduled, started, and ended in some way. */
function longest(states: Readonly<Record<string, State>>, at: string, taken: Readonly<Record<string, number>> = {}): number {
  const times = (taken[at] ?? 0) + 1;
  if (times > (circles[at] ?? mostServers)) return 0;
  const state = states[at];
  if (!state) throw new Error(`there is no state ${at}`);
  const attempts = state.Type === 'Task' ? 1 + (state.Retry ?? []).reduce((sum, { MaxAttempts }) => sum + MaxAttempts, 0) : 0;
  const next = [state.Next ?? [], (state.Catch ?? []).map(({ Next }) => Next)].flat();
  return 2 + 3 * attempts + Math.max(0, ...next.map((name) => longest(states, name, { ...taken, [at]: times })));
}

test('a server takes some 300 events when all fails that can, and those of an execution stay below what is kept of it', () => {
  const { States } = readDefinition(workflows.boot) as unknown as {
    States: Record<string, State & { ItemProcessor?: { StartAt: string; States: Record<string, State> } }>;
  };
  const { StartAt = '', States: ofServer = {} } = States.EachServer?.ItemProcessor ?? {};
  // An iteration begins and ends, too; so do the Map and the execution.
  const server = 2 + longest(ofServer, StartAt);
  const around = longest(States, 'BootOne') + 4;
  expect(server).toBeGreaterThan(250);
  expect(around + serversOfExecution * server).toBeLessThan(mostEvents);
});

test('names as long as they may be fit into the state', () => {
  // A name has 255 characters, and a character four bytes.
  const name = '😀'.repeat(255);
  const ids = { execution: 'resume-with-the-name-of-a-cell-1764162000000', request_id: `req-${randomUUID()}` };
  const server = { server: randomUUID(), cell: randomUUID(), failures: mostCells, refusals: mostCells };
  const placement = { ...ids, ...server, host: name, zone: name, alternates: Array.from({ length: maxAttempts - 1 }, () => name) };
  const servers = Array.from({ length: mostServers }, () => randomUUID());
  const state = { version: 1, ...ids, servers, placements: Array.from({ length: serversOfExecution }, () => placement) };
  expect(Buffer.byteLength(JSON.stringify(state))).toBeLessThan(mostBytes);

  const created = { ...placement, connection: `rds-data://${'x'.repeat(500)}` };
  // Of an error it keeps 32,768 characters.
  const ofServer = { ...placement, created, failure: { Error: 'BuildFailure', Cause: 'x'.repeat(32_768) } };
  expect(Buffer.byteLength(JSON.stringify(ofServer))).toBeLessThan(mostBytes);
});

test('a server that has ended leaves nothing in the state, which would hold that of all of them', () => {
  const processor = readDefinition(workflows.boot).States.EachServer?.ItemProcessor;
  const ends = Object.entries(processor?.States ?? {}).filter(([, { Type, End }]) => Type === 'Succeed' || End === true);
  expect(ends.map(([name]) => name)).toEqual(['BuildOnHost', 'FailInCell', 'BuryServerInCell0', 'NothingToDo', 'LeaveToReaper']);
  for (const [, state] of ends) expect(state.OutputPath).toBeNull();
});

describe('in a deployment', () => {
  let cloud: Cloud;
  let user: User;
  beforeAll(async () => {
    cloud = await startCloud({ cells: mostCells + 1, hosts: 4, retryAfter: 1 });
  });
  afterAll(() => cloud?.stop());
  beforeEach(async () => {
    user = await cloud.newUser();
    const unlimited = `insert into quotas (project_id, resource, hard_limit) select :project, resource, -1 from unnest(array['instances', 'cores', 'ram']) resource`;
    await query(cloud.service.api, unlimited, { project: user.projectId });
  });
  const boot = async (count: number) => {
    await user.boot({ flavorRef: await cloud.newFlavor({}), min_count: count, max_count: count });
    await cloud.service.workflow.drain();
  };
  const statuses = async () => {
    const { body } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail');
    return Object.fromEntries(
      Object.entries(Object.groupBy(body.servers, ({ status }) => status)).map(([status, all]) => [status, all?.length]),
    );
  };

  test('a request of many servers is placed at once and built by several executions, none of which has too many', async () => {
    const { workflow } = cloud.service;
    const placed: unknown[] = [];
    const stop = workflow.onTask(({ execution, state, phase, input, output }) => {
      if (state !== 'ScheduleServers' || phase !== 'succeeded') return;
      placed.push([execution.slice(10), (input as { servers: string[] }).servers.length, (output as unknown[]).length]);
    });
    const count = 2 * serversOfExecution + 2;
    await boot(count);
    stop();
    expect(await statuses()).toEqual({ ACTIVE: count });
    expect(placed.toSorted()).toEqual([
      ['', count, serversOfExecution],
      [`-from-${2 * serversOfExecution}`, 2, 2],
      [`-from-${serversOfExecution}`, serversOfExecution, serversOfExecution],
    ]);
  });

  test('a part that could not be started is not lost', async () => {
    const stop = cloud.service.workflow.onTask(({ state, phase }) => {
      if (state === 'ScheduleServers' && phase === 'entered') vi.stubEnv('BOOT_STATE_MACHINE', stateMachineArn('none'));
    });
    await boot(serversOfExecution + 2);
    stop();
    expect(await statuses()).toEqual({ ACTIVE: serversOfExecution, BUILD: 2 });
    vi.unstubAllEnvs();
    await reapNow(cloud.service);
    await cloud.service.workflow.drain();
    expect(await statuses()).toEqual({ ACTIVE: serversOfExecution + 2 });
  });

  test('a server that many cells do not take has its turn in others when the reaper goes on', async () => {
    const { dataApi, workflow } = cloud.service;
    for (let cell = 1; cell <= mostCells + 1; cell += 1) dataApi.faults.add({ cluster: `cell${cell}`, kind: 'down' });
    const tried: unknown[] = [];
    const stop = workflow.onTask(({ state, phase, output }) => {
      if (state === 'TryAnotherCell' && phase !== 'entered') tried.push((output as { failures: number } | undefined)?.failures);
    });
    await boot(1);
    stop();
    expect(tried).toEqual([1, 2, 3, undefined]);
    expect(await statuses()).toEqual({ BUILD: 1 });
    dataApi.faults.clear();
    await reapNow(cloud.service);
    await workflow.drain();
    expect(await statuses()).toEqual({ ACTIVE: 1 });
  });
});
