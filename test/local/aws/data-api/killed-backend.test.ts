/** PostgreSQL ends all connections when one of its processes is killed, and recovers by itself. So must what is connected to it. */
import { ExecuteStatementCommand, RDSDataClient } from '@aws-sdk/client-rds-data';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { region } from '../../../../local/aws/arns.ts';
import { localClusters } from '../../../../local/aws/data-api/clusters.ts';
import { createDataApi, type DataApi } from '../../../../local/aws/data-api/data-api.ts';
import { type Aws, startAws } from '../../../../local/aws/server.ts';
import { type Postgres, startPostgres } from '../../../../local/postgres/postgres.ts';
import { target } from './with-data-api.ts';

// A server of its own: it takes all that are connected to it with it.
let postgres: Postgres;
let api: DataApi;
let aws: Aws;
let client: RDSDataClient;
beforeAll(async () => {
  postgres = await startPostgres({ dataDir: undefined });
  api = createDataApi({ postgres, clusters: localClusters(new Map([['cell1', await postgres.createDatabase('one')]])) });
  aws = await startAws({ services: [api.service] });
  client = new RDSDataClient({ endpoint: aws.url, region, credentials: { accessKeyId: 'x', secretAccessKey: 'x' }, maxAttempts: 1 });
}, 60_000);
afterAll(async () => {
  client?.destroy();
  await aws?.close();
  await api?.close();
  await postgres?.stop();
}, 60_000);

const run = (sql: string) => client.send(new ExecuteStatementCommand({ ...target('cell1'), sql }));

/** Kills a process of the server that works on a statement, as the kernel does when memory is short. */
async function killOne(): Promise<void> {
  const own = new Client({ ...postgres.connection, database: 'postgres' });
  own.on('error', () => {});
  await own.connect();
  const { rows } = await own.query<{ pid: number }>(`select pid from pg_stat_activity where datname = 'one' and query like '%pg_sleep%'`);
  expect(rows.length).toBeGreaterThan(0);
  process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
  await own.end().catch(() => {});
}

test('a killed process of PostgreSQL fails what is under way, and nothing after it', async () => {
  await run('create table kept as select 1 as one');
  // A server without a data directory may lose the last half second; this test is not about that.
  await run('checkpoint');
  // Connections at work, and idle ones.
  await Promise.all(Array.from({ length: 6 }, () => run('select pg_sleep(0.1)')));
  const underWay = [run('select pg_sleep(30)'), run('select pg_sleep(30)')].map((statement) =>
    statement.then(
      () => 'done',
      (error: Error) => error.name,
    ),
  );
  await expect.poll(() => api.calls.all().filter(({ sql }) => sql.includes('30')).length).toBe(2);
  await killOne();
  for (const outcome of await Promise.all(underWay)) expect(['DatabaseUnavailableException', 'DatabaseErrorException']).toContain(outcome);
  const one = () =>
    run('select one from kept').then(
      ({ records }) => records,
      () => undefined,
    );
  await expect.poll(one, { timeout: 20_000 }).toEqual([[{ longValue: 1 }]]);
}, 60_000);
