/** What functions are in a database: its service user. These run against a deployment as functions reach it, by their settings and by the cell mappings. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listCellMappings } from '../../../database/api/cells/cell-mappings.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../../database/data-api/url.ts';
import { migrateAsMaster, scramVerifier } from '../../../database/migrator/service-user.ts';
import { setting } from '../../../lambdas/shared/environment.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

let cloud: Cloud;
let ofFunctions: Map<string, Database>;
beforeAll(async () => {
  cloud = await startCloud();
  const api = parseDatabaseUrl(setting('API_DATABASE'));
  const cells = await listCellMappings(api);
  ofFunctions = new Map([
    ['api', api],
    ...cells.map(({ name, database_connection }) => [name, parseDatabaseUrl(database_connection)] as const),
  ]);
});
afterAll(() => cloud?.stop());

const asFunction = (name: string, sql: string) => query(ofFunctions.get(name) ?? cloud.service.api, sql);
const denied = /permission denied|must be owner|SQLState: 42501/;

describe.each(['api', 'cell0', 'cell1', 'cell2'])('in the database of %s', (name) => {
  const table = name === 'api' ? 'instance_mappings' : 'instances';

  test.each([
    ['alter a table', `alter table ${table} add column another integer`],
    ['make a table', 'create table another (id integer)'],
    ['drop a table', `drop table ${table} cascade`],
    ['empty a table at once', `truncate ${table} cascade`],
    ['make an index', `create index another on ${table} (id)`],
    ['make a trigger', `create trigger another before insert on ${table} execute function suppress_redundant_updates_trigger()`],
    ['take a table over', `alter table ${table} owner to current_user`],
    ['make a user', 'create role another'],
    ['become the master', 'set role postgres'],
    ['say that a migration was applied', `insert into schema_migrations (version, name) values (99, 'another')`],
    ['say that none was', 'delete from schema_migrations'],
  ])('a function cannot %s', async (_, sql) => {
    await expect(asFunction(name, sql)).rejects.toThrow(denied);
  });

  test('it cannot become the master by forgetting who it is', async () => {
    await expect(asFunction(name, 'do $do$ begin reset role; alter table schema_migrations add another integer; end $do$')).rejects.toThrow(
      denied,
    );
  });

  test('it uses what a later migration makes', async () => {
    const master = cloud.database(name);
    await query(
      master,
      `do $do$ begin
         create table later (id integer generated always as identity, number serial, name text);
         create function later_name() returns text language sql as $function$ select 'later' $function$;
       end $do$`,
    );
    await asFunction(name, 'insert into later (name) values (later_name())');
    await asFunction(name, `update later set name = 'changed'`);
    expect(await asFunction(name, 'delete from later returning number, name')).toEqual([{ number: 1, name: 'changed' }]);
    expect(await asFunction(name, 'select count(*)::int from schema_migrations where version = 1')).toEqual([{ count: 1 }]);
    await query(master, 'do $do$ begin drop table later; drop function later_name; end $do$');
  });
});

test('made again, it gets rights back that were taken from it', async () => {
  const master = cloud.database('cell1');
  await query(master, 'revoke select on instances from cellzero_cell1');
  await expect(asFunction('cell1', 'select 1 from instances')).rejects.toThrow(denied);
  expect(await migrateAsMaster({ master, serviceUser: { name: 'cellzero_cell1', password: null } }, [])).toEqual([]);
  expect(await asFunction('cell1', 'select 1 from instances limit 1')).toEqual([]);
});

test('databases of one server may make theirs at the same time, also of the same name', async () => {
  const name = `cellzero_${randomBytes(6).toString('hex')}`;
  const masters = ['api', 'cell0', 'cell1', 'cell2'].map((database) => cloud.database(database));
  await Promise.all([...masters, ...masters].map((master) => migrateAsMaster({ master, serviceUser: { name, password: null } }, [])));
  for (const master of masters) await query(master, `drop owned by ${name}`);
  await query(cloud.database('api'), `drop role ${name}`);
});

test('it logs in by its password, of which PostgreSQL gets what it would make of it itself', async () => {
  const name = `cellzero_${randomBytes(6).toString('hex')}`;
  const password = `it's "a" $password$`;
  await migrateAsMaster({ master: cloud.database('cell1'), serviceUser: { name, password } }, []);
  const client = new Client({ ...sharedPostgres().connection, database: 'postgres' });
  await client.connect();
  const kept = async () => {
    const { rows } = await client.query<{ rolpassword: string; rolcanlogin: boolean }>('select * from pg_authid where rolname = $1', [
      name,
    ]);
    expect(rows).toMatchObject([{ rolcanlogin: true }]);
    return rows[0]?.rolpassword ?? '';
  };
  const saltOf = (verifier: string) => Buffer.from(/^SCRAM-SHA-256\$4096:([^$]+)\$/.exec(verifier)?.[1] ?? '', 'base64');
  try {
    const ours = await kept();
    expect(scramVerifier(password, saltOf(ours))).toBe(ours);
    await client.query(`alter role ${name} password 'it''s "a" $password$'`);
    const theirs = await kept();
    expect(theirs).not.toBe(ours);
    expect(scramVerifier(password, saltOf(theirs))).toBe(theirs);
  } finally {
    await query(cloud.database('cell1'), `drop owned by ${name}`);
    await client.query(`drop role ${name}`);
    await client.end();
  }
});

test('no statement holds a password', async () => {
  const { dataApi } = cloud.service;
  const mark = dataApi.calls.mark();
  const name = `cellzero_${randomBytes(6).toString('hex')}`;
  await migrateAsMaster({ master: cloud.database('cell1'), serviceUser: { name, password: 'not-in-a-log' } }, []);
  const statements = dataApi.calls.since(mark).map(({ sql }) => sql);
  expect(statements.join()).toContain(`alter role "${name}" password 'SCRAM-SHA-256$`);
  expect(statements.join()).not.toContain('not-in-a-log');
  await query(cloud.database('cell1'), `drop owned by ${name}`);
  await query(cloud.database('cell1'), `drop role ${name}`);
});
