/** When a database has failed, how long it is waited for, and what is sent again: against the real client and a Data API with faults. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Database, DatabaseUnreachable, query } from '../../../database/data-api/client.ts';
import { withDeadline } from '../../../database/data-api/deadline.ts';
import { parseDatabaseUrl } from '../../../database/data-api/url.ts';
import { masterUrl } from '../../../local/aws/arns.ts';
import { useDataApi } from '../../local/aws/data-api/with-data-api.ts';

const data = useDataApi();
const cell1 = parseDatabaseUrl(masterUrl('cell1'));
const cell2 = parseDatabaseUrl(masterUrl('cell2'));

beforeAll(async () => {
  Object.assign(process.env, data.aws.environment);
  await query(cell1, 'create table servers (id int primary key)');
});
afterEach(() => data.api.faults.clear());

/** Milliseconds until a statement has failed for good. */
async function failure(database: Database, sql = 'select 1'): Promise<{ error: Error; waited: number; sent: number }> {
  const mark = data.api.calls.mark();
  const start = performance.now();
  const error = await query(database, sql).then(
    () => new Error('it succeeded'),
    (error: Error) => error,
  );
  return { error, waited: performance.now() - start, sent: data.api.calls.since(mark).length };
}

const patient = (each: number, { left = each, attempts = 1 } = {}): Database => ({ ...cell1, patience: { each, left, attempts } });

describe('a database has failed', () => {
  test.each([
    ...(['AccessDeniedException', 'BadRequestException', 'DatabaseNotFoundException', 'ForbiddenException'] as const),
    ...(['HttpEndpointNotEnabledException', 'InvalidResourceStateException', 'InvalidSecretException', 'NotFoundException'] as const),
    ...(['SecretsErrorException', 'StatementTimeoutException', 'UnsupportedResultException'] as const),
  ])('for good when it answers %s, and is asked once', async (error) => {
    data.api.faults.add({ kind: 'before', error, cluster: 'cell1' });
    expect(await failure(cell1)).toMatchObject({
      error: { name: 'DatabaseUnreachable', message: expect.stringContaining(error) },
      sent: 1,
    });
    expect(await query(cell2, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test.each(['InternalServerErrorException', 'ServiceUnavailableError', 'DatabaseUnavailableException'] as const)(
    'for now when it answers %s, and is asked three times',
    async (error) => {
      const fault = data.api.faults.add({ kind: 'before', error });
      expect(await failure(cell1)).toMatchObject({ error: { name: 'DatabaseUnreachable' }, sent: 3 });
      fault.lift();
      data.api.faults.add({ kind: 'before', error, nth: 1 });
      data.api.faults.add({ kind: 'before', error, nth: 2 });
      expect(await query(cell1, 'select 1 as one')).toEqual([{ one: 1 }]);
    },
  );

  test('when its connection is cut each time', async () => {
    data.api.faults.add({ kind: 'after' });
    expect(await failure(cell1)).toMatchObject({ error: { name: 'DatabaseUnreachable' }, sent: 3 });
  });

  test.each(['08006', '25006', '28P01', '3D000', '53100', '53300', '57014', '57P01', '58030'])(
    'when PostgreSQL says %s, which is about the database',
    async (state) => {
      const { error } = await failure(cell1, `do $$ begin raise exception 'no' using errcode = '${state}'; end $$`);
      expect(error).toMatchObject({ name: 'DatabaseUnreachable', message: expect.stringContaining(state) });
    },
  );

  test('when a table or a column is not there yet', async () => {
    expect((await failure(cell1, 'select * from tags')).error).toMatchObject({ name: 'DatabaseUnreachable' });
    expect((await failure(cell1, 'select locked from servers')).error).toMatchObject({ name: 'DatabaseUnreachable' });
  });
});

test.each([
  ['22P02', `select 'x'::int`],
  ['22P02', `select 'SQLState: 57014'::int`],
  ['23505', 'insert into servers values (1), (1)'],
  ['42601', 'select from where'],
  ['P0001', `do $$ begin raise exception 'SQLState: 57014'; end $$`],
])('a database has answered when PostgreSQL says %s of the statement', async (state, sql) => {
  const { error, sent } = await failure(cell1, sql);
  expect(error).toMatchObject({ name: 'DatabaseErrorException', message: expect.stringMatching(`SQLState: ${state}$`) });
  expect(sent).toBe(1);
});

describe('a silent database', () => {
  test('is given up after the time that the caller has for an answer, and not asked again', async () => {
    data.api.faults.add({ kind: 'hangs' });
    const { error, waited, sent } = await failure(patient(300, { attempts: 3 }));
    expect(error).toMatchObject({ name: 'DatabaseUnreachable', message: expect.stringContaining('silent for') });
    expect(sent).toBe(1);
    expect(waited).toBeGreaterThan(290);
    expect(waited).toBeLessThan(1_000);
  });

  test('is given up at the deadline, however long the caller would wait', async () => {
    data.api.faults.add({ kind: 'hangs' });
    const { waited, sent } = await withDeadline(Date.now() + 300, () => failure(patient(60_000)));
    expect(sent).toBe(1);
    expect(waited).toBeLessThan(1_000);
  });

  test('costs what is left of the patience for all statements, a slow answer included', async () => {
    // A slow machine has 600 ms for what takes none.
    const database = patient(1_600, { left: 1_700 });
    data.api.faults.add({ kind: 'slow', milliseconds: 1_000 });
    await query(database, 'select 1');
    const { error, waited } = await failure(database);
    expect(error).toBeInstanceOf(DatabaseUnreachable);
    expect(waited).toBeLessThan(950);
    expect(await failure(database)).toMatchObject({ error: { message: expect.stringContaining('no time is left') }, sent: 0 });
  });
});

describe('a caller who asks once', () => {
  test.each(['InternalServerErrorException', 'DatabaseUnavailableException'] as const)('takes %s for an answer', async (error) => {
    data.api.faults.add({ kind: 'before', error });
    expect(await failure(patient(5_000))).toMatchObject({ error: { name: 'DatabaseUnreachable' }, sent: 1 });
  });

  test('asks again over a new connection when the first was cut, but not a third time', async () => {
    data.api.faults.add({ kind: 'after', nth: 1 });
    expect(await query(patient(5_000), 'select 1 as one')).toEqual([{ one: 1 }]);
    data.api.faults.add({ kind: 'after' });
    expect(await failure(patient(5_000))).toMatchObject({ sent: 2 });
  });
});

describe('a sleeping database', () => {
  test('is waited for beyond all patience', async () => {
    data.api.faults.add({ kind: 'paused', milliseconds: 600 });
    expect(await query(patient(200), 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('is waited for until the deadline and no longer', async () => {
    data.api.faults.add({ kind: 'paused' });
    const { error, waited } = await withDeadline(Date.now() + 700, () => failure(cell1));
    expect(error).toMatchObject({ name: 'DatabaseUnreachable', message: expect.stringContaining('DatabaseResumingException') });
    expect(waited).toBeGreaterThan(300);
    expect(waited).toBeLessThan(750);
  });
});

test('nothing is sent past the deadline', async () => {
  expect(await withDeadline(Date.now(), () => failure(cell1))).toMatchObject({ error: { name: 'DatabaseUnreachable' }, sent: 0 });
});

test('of two deadlines the earlier one is in force', async () => {
  data.api.faults.add({ kind: 'hangs' });
  const nested = () => withDeadline(Date.now() + 60_000, () => failure(cell1));
  expect((await withDeadline(Date.now() + 200, nested)).waited).toBeLessThan(1_000);
});
