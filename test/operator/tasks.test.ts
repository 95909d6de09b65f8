/** What is being done to servers, as an operator sees it: in a list, and at one server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { noFailures, simulatedDriver } from '../../compute/hosts/drivers/simulated.ts';
import { serverActions } from '../../compute/servers/tasks/actions.ts';
import { beginAction } from '../../compute/servers/tasks/begin-action.ts';
import { query } from '../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../fixtures/cloud.ts';
import { cellzero } from './run.ts';

let dataDir: string;
let cloud: Cloud;
let user: User;
let server: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cellzero-tasks-'));
  cloud = await startCloud({ dataDir, cells: 1, hosts: 1 });
  user = await cloud.newUser();
  server = await user.boot({ name: 'web' });
  await user.settled(server);
});
afterEach(() => cloud.service.dataApi.faults.clear());
afterAll(async () => {
  await cloud?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const tasks = (...args: string[]) => cellzero(['tasks', ...args, '--data-dir', dataDir]);

test('nothing is listed when nothing is under way', async () => {
  expect(await tasks()).toEqual({ code: 0, stdout: 'Nothing is being done to any server.\n', stderr: '' });
});

test('what a host has begun is listed until it ends, and explained with its due time', async () => {
  const due_at = new Date(Date.now() + 60_000).toISOString();
  const driver = { ...simulatedDriver(noFailures), begin: async () => ({ result: 'begun' as const, due_at }) };
  const caller = { userId: user.userId, projectId: user.projectId, userName: 'u', projectName: 'p', roles: ['member'] };
  await beginAction(cloud.service.api, driver, { caller, requestId: 'req-1', server, action: serverActions.stop });

  const { code, stdout } = await tasks();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\+-+.*\n\| Server +\| Name \| Action \| Cell +\| Host +\| Host asked +\| Progress/);
  expect(stdout).toMatch(
    new RegExp(`\\| ${server} \\| web +\\| stop +\\| cell1 \\| cell1-host1 \\| [\\dT:.-]+Z +\\| begun, due ${due_at.slice(0, 19)}`),
  );
  expect(JSON.parse((await tasks('--json')).stdout)).toEqual([
    {
      ...{ server, name: 'web', project: user.projectId, cell: 'cell1', host: 'cell1-host1', task_state: 'powering-off', action: 'stop' },
      ...{ request_id: 'req-1', attempt: 1, asked: expect.any(String), due: expect.stringContaining(due_at.slice(0, 19)) },
    },
  ]);
  const why = await cellzero(['explain', server, '--data-dir', dataDir]);
  expect(why.stdout).toMatch(/\| task +\| stop, its host has begun and is due [\dT:.-]+Z, req-1/);
  expect(why.stdout).toContain('An audit finds nothing wrong with it.');
});

test('what should have ended is listed as overdue', async () => {
  await query(
    cloud.database('cell1'),
    `update instances set task = task || jsonb_build_object('due_at', now() - interval '1 second') where uuid = :server::uuid`,
    { server },
  );
  expect((await tasks()).stdout).toMatch(/\| begun, overdue since [\dT:.-]+Z +\|/);
});

test('a cell that is down is said', async () => {
  cloud.service.dataApi.faults.add({ cluster: 'cell1', kind: 'down' });
  expect(await tasks()).toMatchObject({ code: 0, stderr: expect.stringMatching(/^cellzero: cell1 could not be asked: /) });
});
