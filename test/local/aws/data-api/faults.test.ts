import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Call, depth } from '../../../../local/aws/data-api/calls.ts';
import { target, useDataApi } from './with-data-api.ts';

const data = useDataApi();
const { run } = data;

const insert = (id: number) => run('insert into notes values (:id) on conflict do nothing', [{ name: 'id', value: { longValue: id } }]);
const count = async () => (await run('select count(*) from notes')).records?.[0]?.[0]?.longValue;

beforeAll(async () => {
  await run('create table notes (id int primary key)');
});

beforeEach(async () => {
  await run('truncate notes');
});

describe('a fault', () => {
  it('before the statement keeps it from running', async () => {
    const fault = data.api.faults.add({ kind: 'before', error: 'ForbiddenException', sql: 'insert' });
    await expect(insert(1)).rejects.toMatchObject({ name: 'ForbiddenException', $metadata: { httpStatusCode: 403 } });
    expect([fault.hits, await count()]).toEqual([1, 0]);
    fault.lift();
    await insert(1);
    expect(await count()).toBe(1);
  });

  it('before the statement is met by the repeats of the SDK', async () => {
    const fault = data.api.faults.add({ kind: 'before', sql: 'insert' });
    await expect(insert(1)).rejects.toMatchObject({ name: 'InternalServerErrorException', $metadata: { attempts: 3 } });
    expect(fault.hits).toBe(3);
  });

  it('after the statement loses the answer, not the change', async () => {
    data.api.faults.add({ kind: 'after', error: 'StatementTimeoutException', sql: 'insert' });
    await expect(insert(1)).rejects.toMatchObject({ name: 'StatementTimeoutException' });
    expect(await count()).toBe(1);
  });

  it('after the statement can cut the connection', async () => {
    const fault = data.api.faults.add({ kind: 'after', sql: 'insert', nth: 1 });
    const { $metadata } = await insert(1);
    expect([$metadata.attempts, fault.hits, await count()]).toEqual([2, 1, 1]);
  });

  it('matches the n-th call only', async () => {
    data.api.faults.add({ kind: 'before', error: 'BadRequestException', sql: (sql) => sql.startsWith('insert'), nth: 2 });
    await insert(1);
    await count();
    await expect(insert(2)).rejects.toMatchObject({ name: 'BadRequestException' });
    await insert(3);
    expect(await count()).toBe(2);
  });

  it('of a paused cluster ends some time after the first call', async () => {
    data.api.faults.add({ kind: 'paused', milliseconds: 100, cluster: 'cell1' });
    await expect(count()).rejects.toMatchObject({ name: 'DatabaseResumingException', $metadata: { httpStatusCode: 400, attempts: 1 } });
    await run('select 1', [], target('cell2'));
    await expect.poll(() => count().catch(() => 'asleep')).toBe(0);
  });

  it('of a cluster that is down lasts until it is lifted', async () => {
    const fault = data.api.faults.add({ kind: 'down', cluster: 'cell1' });
    await expect(count()).rejects.toMatchObject({ name: 'DatabaseUnavailableException', $metadata: { httpStatusCode: 504 } });
    await run('select 1', [], target('cell2'));
    fault.lift();
    expect(await count()).toBe(0);
  });

  it('that hangs answers nothing, and the statement does not run', async () => {
    data.api.faults.add({ kind: 'hangs', sql: 'insert', nth: 1 });
    const answer = insert(1);
    await expect(Promise.race([answer, sleep(100, 'silence')])).resolves.toBe('silence');
    expect(await count()).toBe(0);
    await insert(1);
    expect(await count()).toBe(1);
  });

  it('of a slow cluster delays and does not fail', async () => {
    data.api.faults.add({ kind: 'slow', milliseconds: 80 });
    const started = performance.now();
    await count();
    expect(performance.now() - started).toBeGreaterThanOrEqual(75);
  });
});

describe('calls', () => {
  it('are recorded in order, with what they were and how they ended', async () => {
    const listened: Readonly<Call>[] = [];
    const leave = data.api.onCall((call) => listened.push(call));
    const mark = data.api.calls.mark();
    await insert(1);
    await expect(run('select nonsense', [], target('cell2'))).rejects.toThrow();
    leave();
    await count();
    const calls = data.api.calls.since(mark);
    expect(calls.map(({ cluster, operation, error }) => [cluster, operation, error])).toEqual([
      ['cell1', 'Execute', undefined],
      ['cell2', 'Execute', 'DatabaseErrorException'],
      ['cell1', 'Execute', undefined],
    ]);
    expect(calls[0]?.sql).toMatch(/^insert into notes/);
    expect(listened).toEqual(calls.slice(0, 2));
    data.api.calls.clear();
    expect(data.api.calls.all()).toEqual([]);
  });

  it('have a depth: what was waited for', async () => {
    data.api.faults.add({ kind: 'slow', milliseconds: 50 });
    const mark = data.api.calls.mark();
    await count();
    await Promise.all([count(), count(), count()]);
    await count();
    const calls = data.api.calls.since(mark);
    expect([calls.length, depth(calls)]).toEqual([5, 3]);
  });
});
