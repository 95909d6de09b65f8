/** The one migrator, against a real database through the real SDK. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiMigrations } from '../../../database/api/migrations/index.ts';
import { cellMigrations } from '../../../database/cell/migrations/index.ts';
import { type Call, calls, query } from '../../../database/data-api/client.ts';
import { checksum, MigrationChanged, migrate, schemaVersion } from '../../../database/migrator/migrate.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import released from './released.json' with { type: 'json' };

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

test('a migration is waited for as long as the Data API lets it run', async () => {
  const patience: unknown[] = [];
  const listen = (message: unknown) => patience.push((message as Call).database.patience?.each);
  calls.subscribe(listen);
  await migrate(cloud.database('cell1'), cellMigrations);
  calls.unsubscribe(listen);
  expect(new Set(patience)).toEqual(new Set([50_000]));
});

test('migrations are numbered from 1 without a gap', () => {
  for (const migrations of [apiMigrations, cellMigrations]) {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
  }
});

test('no migration is changed that is written down as released', () => {
  const sums = (migrations: typeof apiMigrations) => Object.fromEntries(migrations.map(({ version, sql }) => [version, checksum(sql)]));
  expect({ api: sums(apiMigrations), cell: sums(cellMigrations) }).toMatchObject(released);
});

test('a database refuses migrations of which one was changed after it was applied, and applies none of them', async () => {
  const changed = cellMigrations.map((migration) => (migration.version === 2 ? { ...migration, sql: `${migration.sql} ` } : migration));
  const further = { version: 97, name: 'further', sql: 'create table further (id integer);' };
  await expect(migrate(cloud.database('cell1'), [...changed, further])).rejects.toThrow(MigrationChanged);
  expect(await query(cloud.database('cell1'), `select to_regclass('further') is null as none`)).toEqual([{ none: true }]);
});

test('a database whose migrations were applied before there were checksums takes further ones', async () => {
  const cell = cloud.database('cell1');
  await query(cell, 'alter table schema_migrations drop column checksum');
  expect(await schemaVersion(cell)).toBe(cellMigrations.length);
  const further = { version: 90, name: 'further', sql: 'perform 1;' };
  expect(await migrate(cell, [...cellMigrations, further])).toEqual([90]);
  await expect(migrate(cell, [{ ...further, sql: '' }])).rejects.toThrow(MigrationChanged);
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
