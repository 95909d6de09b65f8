/** Auditing a cloud at work: whatever boots, burials and deletes are half-way through is no fault, and at rest nothing is left. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../../fixtures/cloud.ts';
import { rest } from '../../fixtures/damage.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
  process.env.SIMULATION = JSON.stringify({ failureChance: 0.3, delay: 5 });
});
afterAll(async () => {
  delete process.env.SIMULATION;
  await cloud?.stop();
});

const audits = 20;

/** Tears what an audit reads: its scan reads new servers in the index before their cells have them, its recheck reads deletes in cells before the index. */
function readLate(): void {
  const { faults } = cloud.service.dataApi;
  faults.add({ sql: 'stretch as (', kind: 'slow', milliseconds: 300 });
  faults.add({ sql: (sql) => sql.includes('instance_info_caches x') && sql.includes('any (array'), kind: 'slow', milliseconds: 300 });
}

test('20 audits in a row of a busy cloud find nothing, and one at rest neither', { timeout: 180_000 }, async () => {
  const { api } = cloud.service;
  const tooLarge = await cloud.newFlavor({ disk: 5_000 });
  let busy = true;
  let booted = 0;
  const churn = async (user: User, flavorRef: string, patience: number) => {
    while (busy) {
      const { status } = await user.send('POST', '/servers', {
        body: {
          server: {
            name: 'busy',
            imageRef: 'c1220500-0000-4000-8000-000000000001',
            flavorRef,
            networks: 'none',
            min_count: 2,
            max_count: 2,
          },
        },
      });
      booted += status === 202 ? 1 : 0;
      await sleep(patience);
      const { body } = await user.send<{ servers: { id: string }[] }>('GET', '/servers');
      await Promise.all(body.servers.map(({ id }) => user.send('DELETE', `/servers/${id}`)));
    }
  };
  const users = await Promise.all(Array.from({ length: 4 }, () => cloud.newUser()));
  const [a, b, c, d] = users as [User, User, User, User];
  const work = [churn(a, '1', 0), churn(b, '1', 100), churn(c, tooLarge, 20), churn(d, '2', 300)];
  const found: unknown[] = [];
  for (let index = 0; index < audits; index++) {
    if (index === audits / 2) readLate();
    const { findings, unreadable } = await audit(api);
    found.push(...findings, ...unreadable);
  }
  cloud.service.dataApi.faults.clear();
  busy = false;
  await Promise.all(work);
  expect(found).toEqual([]);
  expect(booted).toBeGreaterThan(audits);
  // A host that failed to end a server is asked again, in ten minutes.
  await query(api, 'update pending_cleanups set due_at = now() where due_at is not null');
  await rest(cloud);
  expect(await audit(api, { settled: true })).toMatchObject({ findings: [], pending: [], unreadable: [] });
});
