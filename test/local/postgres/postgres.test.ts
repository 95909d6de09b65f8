import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { DataDirectoryInUse, type Postgres, startPostgres } from '../../../local/postgres/postgres.ts';

const folders: string[] = [];
const temporaryFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cellzero-test-'));
  await chmod(folder, 0o755);
  folders.push(folder);
  return folder;
};

afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

const start = async (dataDir: string | undefined) => {
  const postgres = await startPostgres({ dataDir });
  onTestFinished(() => postgres.stop());
  return postgres;
};

const rows = async (postgres: Postgres, sql: string): Promise<unknown[]> => {
  const client = new Client({ ...postgres.connection, database: 'postgres' });
  await client.connect();
  return await client.query(sql).then(
    async ({ rows }) => {
      await client.end();
      return rows;
    },
    async (error) => {
      await client.end();
      throw error;
    },
  );
};

it('an ephemeral server leaves nothing behind', async () => {
  const postgres = await start(undefined);
  expect(await rows(postgres, `select current_setting('TimeZone') as zone, current_setting('server_encoding') as encoding`)).toEqual([
    { zone: 'UTC', encoding: 'UTF8' },
  ]);
  await postgres.createDatabase('some "name"');
  await postgres.createDatabase('some "name"');
  expect(await rows(postgres, `select datname from pg_database where datname like 'some%'`)).toEqual([{ datname: 'some "name"' }]);
  await postgres.stop();
  await postgres.stop();
  expect(existsSync(postgres.connection.host)).toBe(false);
});

it('data stays in a data directory, however deep and private it is, and one server at a time uses it', async () => {
  const parent = join(await temporaryFolder(), 'private');
  await mkdir(parent, { mode: 0o700 });
  const dataDir = join(parent, 'a-folder-with-a-long-name/'.repeat(8), 'data');
  const first = await start(dataDir);
  expect(await rows(first, `select current_setting('fsync') || current_setting('synchronous_commit') as durable`)).toEqual([
    { durable: 'onon' },
  ]);
  await rows(first, 'create table kept as select 1 as one');
  await expect(startPostgres({ dataDir })).rejects.toThrow(DataDirectoryInUse);
  await first.stop();
  const second = await start(dataDir);
  expect(await rows(second, 'select * from kept')).toEqual([{ one: 1 }]);
}, 20_000);

it('a killed parent takes the server with it, and loses nothing that was acknowledged', async () => {
  const dataDir = join(await temporaryFolder(), 'data');
  const script = `
    import { Client } from 'pg';
    import { startPostgres } from '${new URL('../../../local/postgres/postgres.ts', import.meta.url).href}';
    const postgres = await startPostgres({ dataDir: ${JSON.stringify(dataDir)} });
    const client = new Client({ ...postgres.connection, database: 'postgres' });
    await client.connect();
    await client.query('create table kept (number int)');
    for (let number = 1; ; number += 1) {
      await client.query('insert into kept values ($1)', [number]);
      console.log(number);
    }`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let acknowledged = 0;
  for await (const lines of child.stdout.setEncoding('utf8')) {
    acknowledged = Math.max(acknowledged, ...String(lines).split('\n').map(Number));
    if (acknowledged >= 20) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const postgres = await start(dataDir);
  const [kept] = (await rows(postgres, 'select max(number) as last, count(*)::int as count from kept')) as {
    last: number;
    count: number;
  }[];
  expect(kept?.last).toBeGreaterThanOrEqual(acknowledged);
  expect(kept?.count).toBe(kept?.last);
}, 20_000);
