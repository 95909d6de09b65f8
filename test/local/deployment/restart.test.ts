/** Executions end with the process: what waited is waited for again when the data is served again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { setting } from '../../../lambdas/shared/environment.ts';
import type { Service } from '../../../local/deployment/service.ts';

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cellzero-test-'));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

/** Serves the data as a new process would, which has no clients of the one before. */
async function served<Result>(work: (service: Service) => Promise<Result>): Promise<Result> {
  vi.resetModules();
  const { startService } = await import('../../../local/deployment/service.ts');
  const service = await startService({ dataDir, cells: 1, hosts: 1, host: '127.0.0.1', port: 0 });
  try {
    return await work(service);
  } finally {
    await service.stop();
  }
}

async function scheduledReaps() {
  const client = new SFNClient();
  const { executions = [] } = await client.send(new ListExecutionsCommand({ stateMachineArn: setting('REAPER_STATE_MACHINE') }));
  client.destroy();
  return executions.map(({ name }) => name);
}

test('a reap is scheduled for what waits, and none where nothing does', async () => {
  const waits = `insert into pending_cleanups (instance_uuid, cell_id, due_at)
    select gen_random_uuid(), id, now() + interval '1 hour' from cell_mappings where name = 'cell1'`;
  expect(
    await served(async ({ api }) => {
      const { query } = await import('../../../database/data-api/client.ts');
      await query(api, waits);
      return await scheduledReaps();
    }),
  ).toEqual([]);
  expect(await served(scheduledReaps)).toEqual([expect.stringMatching(/^reap-at-/)]);
});
