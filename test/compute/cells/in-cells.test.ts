/** Work in many cells: bounded, in order, and one cell's failure is its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inCells } from '../../../compute/cells/in-cells.ts';
import { databaseUrl } from '../../../local/aws/arns.ts';

const cells = Array.from({ length: 200 }, (_, index) => ({
  ...{ uuid: `uuid-${index}`, name: `cell${index}`, transport_url: 'none:///', disabled: false },
  database_connection: index === 7 ? 'mysql://old' : databaseUrl(`cell${index}`),
}));

test('200 cells are worked in 20 at a time; those that fail are reported', async () => {
  let atWork = 0;
  let most = 0;
  const { results, failures } = await inCells(cells, async ({ name }, database) => {
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
  expect(results.map(({ cell }) => cell.name)).toEqual(
    cells.map(({ name }) => name).filter((name) => name !== 'cell7' && name !== 'cell150'),
  );
  expect(results[0]?.result).toContain(':cluster:cell0');
});
