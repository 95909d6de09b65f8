/**
 * A deploy in the middle of a task: its row, and the report that its host sends, are those of the release before; the schema and the functions are today's. Rows and
 * reports are kept in test/fixtures/releases, as they were.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { apiMigrations } from '../../../database/api/migrations/index.ts';
import { cellMigrations } from '../../../database/cell/migrations/index.ts';
import { query } from '../../../database/data-api/client.ts';
import { migrate } from '../../../database/migrator/migrate.ts';
import { sendMessage } from '../../../lambdas/shared/queue.ts';
import { type Cloud, startCloud, type User } from '../../fixtures/cloud.ts';
import before from '../../fixtures/releases/tasks.json' with { type: 'json' };
import { comeToRest, settle } from '../../fixtures/rest.ts';

let cloud: Cloud;
let user: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  user = await cloud.newUser();
});
afterAll(() => cloud?.stop());
afterEach(async () => {
  delete process.env.SIMULATION;
  await comeToRest(cloud.service);
  expect((await audit(cloud.service.api, { settled: true })).findings).toEqual([]);
});

interface Begun {
  asked: readonly (object | string)[];
  task: object | null;
  reported: object;
  left: string;
}

/** Starts a task, and leaves its row as the release before does; returns the server, and what else was written then. */
async function start({ asked, task }: Begun): Promise<{ id: string; written: (value: object) => object }> {
  const silent = JSON.stringify({ reportAfter: 0, lostChance: 1 });
  if (asked.length === 0) process.env.SIMULATION = silent;
  const id = await user.boot();
  if (asked.length > 0) await user.settled(id);
  await cloud.service.workflow.drain();
  process.env.SIMULATION = silent;
  for (const what of asked) {
    if (what === 'delete') expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
    else expect((await user.send('POST', `/servers/${id}/action`, { body: what })).status).toBe(202);
  }
  const cell = cloud.database('cell1');
  const [row] = await query<{ host: string; request: string; execution: string }>(
    cell,
    `select host, coalesce(task->>'request_id', '') as request, execution from instances where uuid = :id::uuid`,
    { id },
  );
  if (!row) throw new Error('no row');
  const words: Readonly<Record<string, string>> = {
    ...{
      $server: id,
      $host: row.host,
      $cell: cloud.service.databases.get('cell1') ?? '',
      $request: row.request,
      $execution: row.execution,
    },
    ...{ $now: new Date().toISOString(), $later: new Date(Date.now() + 600_000).toISOString() },
  };
  const written = (value: object) =>
    JSON.parse(JSON.stringify(value, (_, text) => (typeof text === 'string' ? (words[text] ?? text) : text)));
  if (task) await query(cell, 'update instances set task = :task::jsonb where uuid = :id::uuid', { id, task: written(task) });
  return { id, written };
}

/** What a deployment does to the databases. */
async function deploy(): Promise<void> {
  await migrate(cloud.database('api'), apiMigrations);
  for (const cell of ['cell0', 'cell1']) await migrate(cloud.database(cell), cellMigrations);
}

async function statusOf(id: string): Promise<string> {
  const { status, body } = await user.send<{ server?: { status: string; 'OS-EXT-STS:task_state': null } }>('GET', `/servers/${id}`);
  if (status === 404)
    return (await query(cloud.service.api, 'select used from allocations where consumer_id = :id::uuid', { id })).length === 0
      ? 'deleted'
      : 'ending';
  expect(body.server?.['OS-EXT-STS:task_state']).toBeNull();
  return body.server?.status ?? '';
}

describe.each(Object.entries<Begun>(before))('%s that was begun before a deploy', (_, begun) => {
  test('ends as its host reports after it', async () => {
    const { id, written } = await start(begun);
    await deploy();
    await sendMessage(process.env.REPORTS_QUEUE ?? '', written(begun.reported), 0);
    await settle(cloud.service);
    expect(cloud.service.reports.deadLetters).toEqual([]);
    expect(await statusOf(id)).toBe(begun.left);
  });
});

test('an action that no host has begun before a deploy is begun after it', async () => {
  const { task } = before['a stop'];
  const { id } = await start({ ...before['a stop'], task: { ...task, due_at: null } });
  await deploy();
  await query(cloud.service.api, 'update pending_cleanups set due_at = null');
  await comeToRest(cloud.service);
  expect(await statusOf(id)).toBe('SHUTOFF');
});
