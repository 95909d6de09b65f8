/** A migration that takes longer than the Data API waits for a statement: 45 s in the cloud, half a second here. */
import { beforeAll, expect, test } from 'vitest';
import { query } from '../../../database/data-api/client.ts';
import { withDeadline } from '../../../database/data-api/deadline.ts';
import { parseDatabaseUrl } from '../../../database/data-api/url.ts';
import { migrate } from '../../../database/migrator/migrate.ts';
import { masterUrl } from '../../../local/aws/arns.ts';
import { useDataApi } from '../../local/aws/data-api/with-data-api.ts';

const data = useDataApi({ statementLimit: 500 });
const database = parseDatabaseUrl(masterUrl('cell1'));
beforeAll(() => Object.assign(process.env, data.aws.environment));

const sentAs = (name: string) => data.api.calls.all().filter(({ sql }) => sql.includes(`'${name}'`)).length;
const slow = (version: number, name: string, sql: string) => ({ version, name, sql: `perform pg_sleep(1.5); ${sql}` });

test('it is sent once, waited for, and followed by the next', async () => {
  const next = { version: 2, name: 'next', sql: 'insert into rewritten values (2);' };
  expect(await migrate(database, [slow(1, 'long', 'create table rewritten (id integer);'), next])).toEqual([1, 2]);
  expect(sentAs('long')).toBe(1);
  expect(await query(database, 'select version, name from schema_migrations order by version')).toEqual([
    { version: 1, name: 'long' },
    { version: 2, name: 'next' },
  ]);
});

test('a second migrator that comes meanwhile waits for it, and applies nothing twice', async () => {
  const long = slow(3, 'shared', 'create table shared (id integer);');
  const before = await Promise.all([1, 2].map(async () => await migrate(database, [long])));
  expect(before).toEqual([[3], [3]]);
  expect(await query(database, 'select count(*)::int as times from schema_migrations where version = 3')).toEqual([{ times: 1 }]);
});

test('one that fails after its call is over is not waited for, nor sent again', async () => {
  await expect(migrate(database, [slow(4, 'fails', 'perform 1 / 0;')])).rejects.toThrow(
    "migration 4, fails, ran for longer than a call and failed; PostgreSQL's log says why",
  );
  expect(sentAs('fails')).toBe(1);
});

test('one that outlasts the deployment goes on, and the next deployment finds it applied', async () => {
  const long = { version: 5, name: 'longer', sql: 'perform pg_sleep(5); create table longer (id integer);' };
  const deployment = withDeadline(Date.now() + 3_500, () => migrate(database, [long]));
  await expect(deployment).rejects.toThrow('migration 5, longer, still runs; deploy again when it has ended');
  await expect.poll(() => query(database, `select name from schema_migrations where version = 5`), { timeout: 10_000 }).toHaveLength(1);
  expect(await migrate(database, [long])).toEqual([]);
  expect(sentAs('longer')).toBe(1);
});
