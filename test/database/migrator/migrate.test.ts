/** The one migrator, against a real database through the real SDK. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiMigrations } from '../../../database/api/migrations/index.ts';
import { cellMigrations } from '../../../database/cell/migrations/index.ts';
import { query } from '../../../database/data-api/client.ts';
import { migrate } from '../../../database/migrator/migrate.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

const schema = (name: string) =>
  query(
    cloud.database(name),
    `select table_name, column_name, data_type, column_default, is_nullable from information_schema.columns
     where table_schema = 'public' order by table_name, ordinal_position`,
  );
const indexes = (name: string) =>
  query(cloud.database(name), `select indexname, indexdef from pg_indexes where schemaname = 'public' order by indexname`);

test('migrations are numbered from 1 without a gap', () => {
  for (const migrations of [apiMigrations, cellMigrations]) {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
  }
});

test('what is applied is tracked, and not applied again', async () => {
  const applied = await query(cloud.service.api, 'select version, name from schema_migrations order by version');
  expect(applied).toEqual(apiMigrations.map(({ version, name }) => ({ version, name })));
  expect(await migrate(cloud.service.api, apiMigrations)).toEqual([]);
});

test('cell0 has the very schema of a live cell', async () => {
  expect(await schema('cell0')).toEqual(await schema('cell1'));
  expect(await indexes('cell0')).toEqual(await indexes('cell1'));
});

test('migrators that run at once apply each migration once', async () => {
  const further = [
    ...cellMigrations,
    { version: 98, name: 'slow', sql: 'create table slow (id integer); perform pg_sleep(0.2); insert into slow values (1);' },
    { version: 99, name: 'after', sql: 'insert into slow values (2);' },
  ];
  await Promise.all(Array.from({ length: 4 }, () => migrate(cloud.database('cell1'), further)));
  expect(await query(cloud.database('cell1'), 'select id from slow order by id')).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a migration that fails is applied not at all, and those before it stay', async () => {
  const broken = [
    ...cellMigrations,
    { version: 97, name: 'good', sql: 'create table good (id integer);' },
    { version: 98, name: 'broken', sql: 'create table half (id integer); insert into half values (1 / 0);' },
  ];
  await expect(migrate(cloud.database('cell2'), broken)).rejects.toThrow('division by zero');
  const tables = await query(
    cloud.database('cell2'),
    `select to_regclass('good') is not null as good, to_regclass('half') is not null as half`,
  );
  expect(tables).toEqual([{ good: true, half: false }]);
  expect(await query(cloud.database('cell2'), 'select version from schema_migrations where version > 90')).toEqual([{ version: 97 }]);
});
