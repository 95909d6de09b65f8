import { BatchExecuteStatementCommand, type SqlParameter } from '@aws-sdk/client-rds-data';
import { Client } from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { clusterArn, masterSecretArn } from '../../../../local/aws/arns.ts';
import { target, useDataApi } from './with-data-api.ts';

const data = useDataApi();
const { run } = data;

const text = (name: string, stringValue: string, typeHint?: SqlParameter['typeHint']): SqlParameter => ({
  name,
  value: { stringValue },
  ...(typeHint ? { typeHint } : {}),
});

beforeEach(async () => {
  await run('drop table if exists things');
  await run(
    `create table things (
      id uuid primary key default gen_random_uuid(), name text unique, size int, price numeric(10,2), at timestamptz, doc jsonb, tags text[]
    )`,
  );
});

describe('results', () => {
  it('carry each type in its own member', async () => {
    const { records, columnMetadata, numberOfRecordsUpdated } = await run(`select
      1::int2 a, 2::int4 b, 9007199254740991::int8 c, 1.5::float8 d, true e, 'x'::text f, 'y'::varchar g,
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid h, '{"k": [1, "é"]}'::jsonb i, 12.50::numeric j, null::text k,
      '2026-01-02T05:04:05.123456+02'::timestamptz l, '2026-01-02 03:04:05'::timestamp m, '2026-01-02'::date n, '\\x0001ff'::bytea o`);
    expect(numberOfRecordsUpdated).toBe(0);
    expect(records).toEqual([
      [
        { longValue: 1 },
        { longValue: 2 },
        { longValue: 9007199254740991 },
        { doubleValue: 1.5 },
        { booleanValue: true },
        { stringValue: 'x' },
        { stringValue: 'y' },
        { stringValue: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' },
        { stringValue: '{"k": [1, "é"]}' },
        { stringValue: '12.50' },
        { isNull: true },
        { stringValue: '2026-01-02 03:04:05.123456' },
        { stringValue: '2026-01-02 03:04:05' },
        { stringValue: '2026-01-02' },
        { blobValue: Uint8Array.of(0, 1, 255) },
      ],
    ]);
    expect(columnMetadata?.map(({ typeName }) => typeName).join(' ')).toBe(
      'int2 int4 int8 float8 bool text varchar uuid jsonb numeric text timestamptz timestamp date bytea',
    );
    expect(columnMetadata?.[0]).toMatchObject({ name: 'a', label: 'a', type: 5 });
  });

  it('carry arrays of one dimension', async () => {
    const { records, columnMetadata } = await run(
      `select array['a', null, 'NULL', '', 'with "quotes", commas \\ and {braces}'], array[1,2]::int8[], array[true], '{}'::text[], array[1.5]::numeric[]`,
    );
    expect(records).toEqual([
      [
        { arrayValue: { stringValues: ['a', null, 'NULL', '', 'with "quotes", commas \\ and {braces}'] } },
        { arrayValue: { longValues: [1, 2] } },
        { arrayValue: { booleanValues: [true] } },
        { arrayValue: { stringValues: [] } },
        { arrayValue: { stringValues: ['1.5'] } },
      ],
    ]);
    expect(columnMetadata?.map(({ typeName }) => typeName)).toEqual(['_text', '_int8', '_bool', '_text', '_numeric']);
    await expect(run('select array[[1],[2]]')).rejects.toMatchObject({ name: 'UnsupportedResultException' });
  });

  it('return numbers as the caller asks', async () => {
    const sql = 'select 9007199254740993::int8 a, 7::numeric b, 1.25::numeric c, 3::int4 d';
    const options = { resultSetOptions: { longReturnType: 'STRING', decimalReturnType: 'DOUBLE_OR_LONG' } } as const;
    expect((await run(sql, [], options)).records).toEqual([
      [{ stringValue: '9007199254740993' }, { longValue: 7 }, { doubleValue: 1.25 }, { longValue: 3 }],
    ]);
  });

  it('leave metadata out unless asked', async () => {
    expect((await run('select 1', [], { includeResultMetadata: false })).columnMetadata).toBeUndefined();
  });

  it('come as JSON when asked', async () => {
    const { formattedRecords, records } = await run(
      `select 1 a, 'x"y' b, null::int c, array[1,2] d, 1.5::numeric e union all select 2, 'z', 3, null, null`,
      [],
      { formatRecordsAs: 'JSON' },
    );
    expect(records).toBeUndefined();
    expect(JSON.parse(formattedRecords ?? '')).toEqual([
      { a: 1, b: 'x"y', c: null, d: [1, 2], e: '1.5' },
      { a: 2, b: 'z', c: 3, d: null, e: null },
    ]);
  });

  it('know types made later', async () => {
    await run('drop type if exists mood');
    await run(`create type mood as enum ('fine')`);
    const { columnMetadata, records } = await run(`select 'fine'::mood m`);
    expect([columnMetadata?.[0]?.typeName, records]).toEqual(['mood', [[{ stringValue: 'fine' }]]]);
  });

  it('count changed rows', async () => {
    expect((await run(`insert into things (name) values ('a'), ('b')`)).numberOfRecordsUpdated).toBe(2);
    const returned = await run(`update things set size = 1 where name = 'a' returning name`);
    expect(returned).toMatchObject({ numberOfRecordsUpdated: 1, records: [[{ stringValue: 'a' }]] });
    expect((await run(`with gone as (delete from things returning 1) select count(*) from gone`)).records).toEqual([[{ longValue: 2 }]]);
  });
});

describe('parameters', () => {
  it('have the type of their member', async () => {
    const { columnMetadata, records } = await run('select :s a, :l b, :d c, :b d, :x e', [
      text('s', 'é'),
      { name: 'l', value: { longValue: 42 } },
      { name: 'd', value: { doubleValue: 0.5 } },
      { name: 'b', value: { booleanValue: false } },
      { name: 'x', value: { blobValue: Uint8Array.of(1, 2) } },
    ]);
    expect(columnMetadata?.map(({ typeName }) => typeName)).toEqual(['text', 'int8', 'float8', 'bool', 'bytea']);
    expect(records?.[0]?.slice(0, 4)).toEqual([{ stringValue: 'é' }, { longValue: 42 }, { doubleValue: 0.5 }, { booleanValue: false }]);
  });

  it('have the type of their hint', async () => {
    const { columnMetadata } = await run('select :u a, :t b, :d c, :h d, :n e, :j f', [
      text('u', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'UUID'),
      text('t', '2026-01-02 03:04:05.123', 'TIMESTAMP'),
      text('d', '2026-01-02', 'DATE'),
      text('h', '03:04:05', 'TIME'),
      text('n', '1.50', 'DECIMAL'),
      text('j', '{"a":1}', 'JSON'),
    ]);
    expect(columnMetadata?.map(({ typeName }) => typeName)).toEqual(['uuid', 'timestamp', 'date', 'time', 'numeric', 'jsonb']);
  });

  it('of text do not pass for uuid, numeric or jsonb without a cast', async () => {
    const id = text('v', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
    await expect(run('select 1 from things where id = :v', [id])).rejects.toMatchObject({
      name: 'DatabaseErrorException',
      message: expect.stringMatching(/^ERROR: operator does not exist: uuid = text; Hint: .*; Position: 31; SQLState: 42883$/),
    });
    for (const column of ['id', 'price', 'doc', 'at', 'size']) {
      await expect(run(`insert into things (${column}) values (:v)`, [text('v', '1')])).rejects.toThrow('SQLState: 42804');
    }
    await run('insert into things (id) values (:v::uuid)', [id]);
  });

  it('may be null, with or without a type', async () => {
    await run('insert into things (id, name, size) values (gen_random_uuid(), :n, :n)', [{ name: 'n', value: { isNull: true } }]);
    expect((await run('select :n::uuid a', [{ name: 'n', value: { isNull: true } }])).columnMetadata?.[0]?.typeName).toBe('uuid');
  });

  it('that are missing fail, unused ones do not', async () => {
    await expect(run('select :a')).rejects.toMatchObject({ name: 'BadRequestException', message: 'Cannot find parameter: a' });
    await run('select 1', [text('a', 'x')]);
  });

  it('that are arrays are refused', async () => {
    const array = { name: 'a', value: { arrayValue: { stringValues: ['x'] } } };
    await expect(run('select :a', [array])).rejects.toMatchObject({ name: 'BadRequestException' });
  });
});

describe('a call', () => {
  it('holds one statement', async () => {
    for (const sql of ['select 1; select 2', `delete from things; insert into things (name) values ('x')`]) {
      await expect(run(sql)).rejects.toMatchObject({ name: 'BadRequestException', message: "Multistatements aren't supported." });
    }
    await run('select 1;');
  });

  it('returns errors of the database with their state', async () => {
    await run(`insert into things (name) values ('a')`);
    await expect(run(`insert into things (name) values ('a')`)).rejects.toMatchObject({
      name: 'DatabaseErrorException',
      message:
        'ERROR: duplicate key value violates unique constraint "things_name_key"; Detail: Key (name)=(a) already exists.; SQLState: 23505',
      $metadata: { httpStatusCode: 400 },
    });
  });

  it('leaves no session behind', async () => {
    await run(`set timezone = 'Asia/Tokyo'`);
    await run('begin');
    await run(`insert into things (name) values ('kept')`);
    const answers = await Promise.all(Array.from({ length: 10 }, () => run(`select current_setting('timezone'), count(*) from things`)));
    for (const { records } of answers) expect(records).toEqual([[{ stringValue: 'UTC' }, { longValue: 1 }]]);
  });

  it('sees a table changed since it was prepared, here or elsewhere', async () => {
    const columns = async () => (await run('select * from things where false')).columnMetadata?.length;
    expect(await columns()).toBe(7);
    await run('alter table things add column more int');
    expect(await columns()).toBe(8);
    const elsewhere = new Client({ ...data.postgres.connection, database: await data.postgres.createDatabase('one') });
    await elsewhere.connect();
    await elsewhere.query('alter table things add column most int');
    await elsewhere.end();
    expect(await columns()).toBe(9);
  });

  it('goes to the cluster it names', async () => {
    await run('select 1', [], target('cell2'));
    await expect(run('select 1 from things', [], target('cell2'))).rejects.toThrow('42P01');
  });

  it('is refused without the right cluster, secret and database', async () => {
    await expect(run('select 1', [], { resourceArn: clusterArn('cell9') })).rejects.toMatchObject({ name: 'BadRequestException' });
    await expect(run('select 1', [], { secretArn: masterSecretArn('cell9') })).rejects.toMatchObject({ name: 'SecretsErrorException' });
    await expect(run('select 1', [], { secretArn: masterSecretArn('cell2') })).rejects.toThrow('SQLState: 28P01');
    await expect(run('select 1', [], { database: 'other' })).rejects.toThrow('FATAL: database "other" does not exist; SQLState: 3D000');
  });
});

describe('a batch', () => {
  const batch = (...names: string[]) =>
    data.client.send(
      new BatchExecuteStatementCommand({
        ...target('cell1'),
        sql: 'insert into things (name) values (:name)',
        parameterSets: names.map((name) => [text('name', name)]),
      }),
    );
  const count = async () => (await run('select count(*) from things')).records?.[0]?.[0]?.longValue;

  it('runs a statement for each set', async () => {
    expect((await batch('a', 'b', 'c')).updateResults).toHaveLength(3);
    expect(await count()).toBe(3);
  });

  it('is atomic', async () => {
    await expect(batch('a', 'b', 'a')).rejects.toThrow('SQLState: 23505');
    expect(await count()).toBe(0);
  });
});
