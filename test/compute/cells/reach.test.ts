/** Work in many cells: bounded, in order, and one cell's failure is its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inCell, inCells, reachCells } from '../../../compute/cells/reach.ts';
import { DatabaseUnreachable } from '../../../database/data-api/client.ts';
import { deadline, withDeadline } from '../../../database/data-api/deadline.ts';
import { databaseUrl } from '../../../local/aws/arns.ts';

const cells = Array.from({ length: 200 }, (_, index) => ({
  ...{ uuid: `uuid-${index}`, name: `cell${index}`, transport_url: 'none:///', disabled: false },
  database_connection: index === 7 ? 'mysql://old' : databaseUrl(`cell${index}`),
}));

test('200 cells are worked in 20 at a time; those that fail are reported', async () => {
  let atWork = 0;
  let most = 0;
  const { results, failures, faults } = await inCells(cells, 'tending', async ({ name }, database) => {
    most = Math.max(most, ++atWork);
    await sleep(name === 'cell0' ? 20 : 1);
    atWork -= 1;
    if (name === 'cell150') throw new Error('asleep');
    return database.clusterArn;
  });
  expect(most).toBe(20);
  expect(failures).toEqual([
    { cell: 'cell7', reason: 'not an rds-data:// URL' },
    { cell: 'cell150', reason: 'asleep' },
  ]);
  expect(faults).toEqual([new Error('asleep')]);
  expect(results.map(({ cell }) => cell.name)).toEqual(
    cells.map(({ name }) => name).filter((name) => name !== 'cell7' && name !== 'cell150'),
  );
  expect(results[0]?.result).toContain(':cluster:cell0');
});

const url = databaseUrl('cell1');

test.each([
  ['reading', { each: 8_000, left: 8_000, attempts: 1 }],
  ['changing', { each: 20_000, left: Number.POSITIVE_INFINITY, attempts: 3 }],
  ['tending', { each: 50_000, left: Number.POSITIVE_INFINITY, attempts: 3 }],
] as const)('a caller who is %s has the patience of that', async (work, patience) => {
  expect(await inCell(url, work, async (database) => database.patience)).toEqual(patience);
});

test('one piece of work has one patience with a cell, another has its own', async () => {
  const cells = reachCells('reading');
  const patienceOf = (reach: typeof cells) => reach.inCell(url, async ({ patience }) => patience);
  expect(await patienceOf(cells)).toBe(await patienceOf(cells));
  expect(await patienceOf(reachCells('reading'))).not.toBe(await patienceOf(cells));
});

test('a cell that has failed is not asked again by the same work, a job that failed is done again', async () => {
  const cells = reachCells('reading');
  const down = new DatabaseUnreachable('down');
  let asked = 0;
  const fail = (error: Error) => cells.inCell(url, () => Promise.reject(asked++ < 5 ? error : new Error('too often')));
  await expect(fail(new Error('ours'))).rejects.toThrow('ours');
  await expect(fail(down)).rejects.toBe(down);
  await expect(fail(down)).rejects.toBe(down);
  expect(asked).toBe(2);
});

test('work that goes on after the cells keeps a part of the time for that', async () => {
  const end = Date.now() + 100_000;
  const [tending, reading] = await Promise.all(
    (['tending', 'reading'] as const).map((work) => withDeadline(end, () => inCells(cells.slice(0, 1), work, async () => deadline()))),
  );
  expect(end - (tending?.results[0]?.result ?? 0)).toBeGreaterThan(9_900);
  expect(reading?.results[0]?.result).toBe(end);
});
