/**
 * A deploy in the middle of a boot: Step Functions goes on with the definition under which an execution was started, and the functions behind its states are
 * today's. The definition of the release before is kept in test/fixtures/releases, and the fields of its states stand here.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../../../database/data-api/client.ts';
import { handler as bootOne } from '../../../../lambdas/workflows/boot/boot-one.ts';
import { handler as buildOnHost } from '../../../../lambdas/workflows/boot/build-on-host.ts';
import { handler as buryInCell0 } from '../../../../lambdas/workflows/boot/bury-in-cell0.ts';
import { handler as createInCell } from '../../../../lambdas/workflows/boot/create-in-cell.ts';
import { handler as failInCell } from '../../../../lambdas/workflows/boot/fail-in-cell.ts';
import { handler as reschedule } from '../../../../lambdas/workflows/boot/reschedule.ts';
import { handler as scheduleServers } from '../../../../lambdas/workflows/boot/schedule-servers.ts';
import { boot } from '../../../../lambdas/workflows/boot/steps.ts';
import { handler as tryAnotherCell } from '../../../../lambdas/workflows/boot/try-another-cell.ts';
import { createFunctions } from '../../../../local/aws/functions.ts';
import { createStepFunctions, type StepFunctions } from '../../../../local/aws/step-functions/step-functions.ts';
import { loadFunctions } from '../../../../local/deployment/workflows.ts';
import { type Cloud, startCloud } from '../../../fixtures/cloud.ts';
import { comeToRest } from '../../../fixtures/rest.ts';
import { atRest, standingOf } from '../../../fixtures/standing.ts';
import { type Accepted, acceptServer, createServer, scheduleServer } from '../../../fixtures/stepwise-boot.ts';

const definitionFile = fileURLToPath(new URL('../../../fixtures/releases/boot.asl.json', import.meta.url));

let cloud: Cloud;
let before: StepFunctions;
beforeAll(async () => {
  cloud = await startCloud();
  before = await createStepFunctions({ definitionFile, functions: await loadFunctions(createFunctions(), boot), retryAfter: 2 });
});
afterAll(async () => {
  await before?.stop();
  await cloud?.stop();
});
afterEach(async () => {
  delete process.env.SIMULATION;
  await comeToRest(cloud.service);
  await query(cloud.service.api, 'delete from build_failures');
});

const shown = async (server: Accepted) => (await standingOf(cloud, server)).shown;

describe.each<[string, (server: Accepted) => Promise<void>]>([
  [
    'under the definition of the release before',
    async ({ execution, requestId, id }) => {
      before.start(execution, JSON.stringify({ execution, request_id: requestId, servers: [id] }));
      await before.drain();
    },
  ],
  [
    'with the input of the release before',
    async ({ execution, requestId, id }) => {
      cloud.service.workflow.start(execution, JSON.stringify({ execution, request_id: requestId, servers: [id] }));
      await cloud.service.workflow.drain();
    },
  ],
])('an execution %s', (_, run) => {
  test.each([
    ['ACTIVE', 'on a host', {}, 1],
    ['ACTIVE', 'on an alternate', { failingHosts: ['cell1-host1', 'cell2-host1'] }, 1],
    ['ERROR', 'in its cell', { failureChance: 1 }, 1],
    ['ERROR', 'in cell0', {}, 10_000],
  ])('ends %s %s', async (status, _where, simulation, disk) => {
    process.env.SIMULATION = JSON.stringify(simulation);
    const server = await acceptServer(cloud, await cloud.newFlavor({ disk }));
    await run(server);
    expect(await shown(server)).toBe(status);
  });
});

const failure = { Error: 'BuildFailure', Cause: 'No.' };

describe('a step goes on with the state of the release before', () => {
  const only = <Whole extends object, Name extends keyof Whole>(whole: Whole, ...names: Name[]) =>
    Object.fromEntries(names.map((name) => [name, whole[name]]));

  async function placement() {
    const { server, placement } = await scheduleServer(cloud);
    const state = only(placement, 'execution', 'server', 'cell', 'host', 'zone', 'alternates', 'refusals');
    return { server, state: { ...state, request_id: server.requestId } };
  }

  async function created() {
    const { server, created } = await createServer(cloud);
    const names = ['execution', 'server', 'host', 'fencing_token', 'connection', 'alternates', 'attempt'] as const;
    const spec = { flavor: { vcpus: 1, memory_mb: 512, root_gb: 1 }, image: null };
    return { server, state: { ...only(created, ...names), ...spec, request_id: server.requestId } };
  }

  test('CreateInCell, and BuildOnHost after it', async () => {
    const { server, state } = await placement();
    await buildOnHost({ created: await createInCell(state) });
    expect(await shown(server)).toBe('ACTIVE');
  });

  test('BuildOnHost', async () => {
    const { server, state } = await created();
    await buildOnHost({ created: state });
    expect(await shown(server)).toBe('ACTIVE');
  });

  test('Reschedule, and BuildOnHost after it', async () => {
    const { server, state } = await created();
    await buildOnHost({ created: await reschedule({ created: state, failure }) });
    expect(await shown(server)).toBe('ACTIVE');
  });

  test('FailInCell', async () => {
    const { server, state } = await created();
    await failInCell({ created: state, failure });
    expect(await shown(server)).toBe('ERROR');
  });

  test('TryAnotherCell, and CreateInCell after it', async () => {
    const { server, state } = await placement();
    await buildOnHost({ created: await createInCell(await tryAnotherCell({ placement: state, failure })) });
    expect(await shown(server)).toBe('ACTIVE');
  });
});

test('an input of a version that is not known is refused by the states that take it, and the server goes on from the reaper', async () => {
  const server = await acceptServer(cloud);
  const input = { version: 2, execution: server.execution, request_id: server.requestId, servers: [server.id] };
  for (const run of [bootOne, scheduleServers]) await expect(run(input)).rejects.toThrow('version');
  await expect(buryInCell0({ ...input, failure })).rejects.toThrow('version');
  expect(await standingOf(cloud, server)).toEqual(atRest);
  await comeToRest(cloud.service);
  expect(await shown(server)).toBe('ACTIVE');
});
