import { setTimeout as sleep } from 'node:timers/promises';
import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  RollbackTransactionCommand,
  type StatementTimeoutException,
} from '@aws-sdk/client-rds-data';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { localClusters } from '../../../../local/aws/data-api/clusters.ts';
import { createDataApi } from '../../../../local/aws/data-api/data-api.ts';
import { target, useDataApi } from './with-data-api.ts';

const statementLimit = 300;
const transactionIdleLimit = 300;
const data = useDataApi({ statementLimit, transactionIdleLimit });
const { run } = data;

beforeAll(async () => {
  await run('create table notes (id int primary key)');
});

beforeEach(async () => {
  await run('truncate notes');
});

const count = async () => (await run('select count(*) from notes')).records?.[0]?.[0]?.longValue;

describe('sizes', () => {
  it('a row holds 64 KB', async () => {
    await run(`select repeat('x', 65536)`);
    await expect(run(`select repeat('x', 65537)`)).rejects.toMatchObject({ name: 'UnsupportedResultException' });
    await expect(run(`select repeat('é', 32769)`)).rejects.toMatchObject({ name: 'UnsupportedResultException' });
  });

  it('an answer holds 1 MiB', async () => {
    await run(`select repeat('x', 60000) from generate_series(1, 17)`);
    await expect(run(`select repeat('x', 60000) from generate_series(1, 18)`)).rejects.toMatchObject({
      name: 'UnsupportedResultException',
    });
  });

  it('a request holds 4 MiB', async () => {
    const length = (megabytes: number) =>
      run('select length(:v)', [{ name: 'v', value: { stringValue: 'x'.repeat(megabytes * 1024 ** 2) } }]);
    expect((await length(3.9)).records).toEqual([[{ longValue: 4089446 }]]);
    await expect(length(4)).rejects.toMatchObject({ name: 'BadRequestException' });
  });
});

describe('a slow statement', () => {
  it('is stopped', async () => {
    const error: StatementTimeoutException = await run('select pg_sleep(10)').then(
      () => expect.fail('it should not succeed'),
      (reason) => reason,
    );
    expect([error.name, error.$metadata.httpStatusCode, typeof error.dbConnectionId]).toEqual(['StatementTimeoutException', 400, 'number']);
  });

  it('goes on when asked to', async () => {
    const slow = run('insert into notes select 1 from pg_sleep(0.6)', [], { continueAfterTimeout: true });
    await expect(slow).rejects.toMatchObject({ name: 'StatementTimeoutException' });
    expect(await count()).toBe(0);
    await expect.poll(count, { timeout: 3_000 }).toBe(1);
  });
});

describe('a transaction', () => {
  const begin = async () => (await data.client.send(new BeginTransactionCommand(target('cell1')))).transactionId ?? '';
  const commit = (transactionId: string) => data.client.send(new CommitTransactionCommand({ ...target('cell1'), transactionId }));
  const rollback = (transactionId: string) => data.client.send(new RollbackTransactionCommand({ ...target('cell1'), transactionId }));
  const lost = { name: 'TransactionNotFoundException', $metadata: { httpStatusCode: 404 } };

  it('commits', async () => {
    const transactionId = await begin();
    await run('insert into notes values (1)', [], { transactionId });
    expect(await count()).toBe(0);
    expect((await commit(transactionId)).transactionStatus).toBe('Transaction Committed');
    expect(await count()).toBe(1);
    await expect(commit(transactionId)).rejects.toMatchObject(lost);
  });

  it('rolls back', async () => {
    const transactionId = await begin();
    await run('insert into notes values (1)', [], { transactionId });
    expect((await rollback(transactionId)).transactionStatus).toBe('Rollback Complete');
    expect(await count()).toBe(0);
  });

  it('dies of an error', async () => {
    const transactionId = await begin();
    await run('insert into notes values (1)', [], { transactionId });
    await expect(run('insert into notes values (1)', [], { transactionId })).rejects.toThrow('23505');
    await expect(commit(transactionId)).rejects.toMatchObject(lost);
    expect(await count()).toBe(0);
  });

  it('dies when nobody uses it, and not while somebody does', async () => {
    const transactionId = await begin();
    for (let use = 0; use < 4; use += 1) {
      await sleep(transactionIdleLimit / 3);
      await run('select 1', [], { transactionId });
    }
    await sleep(transactionIdleLimit * 1.5);
    await expect(run('select 1', [], { transactionId })).rejects.toMatchObject(lost);
  });

  it('takes one call at a time', async () => {
    const transactionId = await begin();
    const first = run('select pg_sleep(0.1)', [], { transactionId });
    await sleep(30);
    await expect(run('select 1', [], { transactionId })).rejects.toMatchObject({
      name: 'DatabaseErrorException',
      message: 'Transaction is still running a query',
    });
    await first;
    await commit(transactionId);
  });

  it('belongs to its cluster', async () => {
    const transactionId = await begin();
    await expect(run('select 1', [], { ...target('cell2'), transactionId })).rejects.toMatchObject(lost);
    await rollback(transactionId);
  });
});

it('closing does not wait for running statements', async () => {
  const clusters = new Map([['cell1', await data.postgres.createDatabase('one')]]);
  const api = createDataApi({ postgres: data.postgres, clusters: localClusters(clusters) });
  const body = Buffer.from(JSON.stringify({ ...target('cell1'), sql: 'select pg_sleep(30)' }));
  const running = api.service({ path: '/Execute', target: '', body });
  const refused = expect(running).rejects.toMatchObject({ name: 'DatabaseUnavailableException' });
  await expect
    .poll(async () => (await run(`select count(*) from pg_stat_activity where query like '%pg_sleep(30)' and state = 'active'`)).records)
    .toEqual([[{ longValue: 1 }]]);
  await api.close();
  await refused;
});
