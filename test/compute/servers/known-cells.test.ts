/** What a warm function remembers of where servers are: live cells only, a bounded number, and not for long. */
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { knownCell, rememberCell } from '../../../compute/servers/known-cells.ts';

afterEach(() => void vi.useRealTimers());

const cell = (uuid: string = randomUUID()) => ({ uuid, name: 'cell', database_connection: 'rds-data://a/b?secret=c' });
const remembered = (): string => {
  const uuid = randomUUID();
  rememberCell(uuid, { projectId: 'p', cell: cell() });
  return uuid;
};

test('a live cell is remembered, with the project, until it is forgotten', () => {
  const uuid = remembered();
  expect(knownCell(uuid)).toMatchObject({ projectId: 'p', cell: { name: 'cell' } });
  expect(knownCell(randomUUID())).toBeUndefined();
  rememberCell(uuid, undefined);
  expect(knownCell(uuid)).toBeUndefined();
});

test.each([
  ['in cell0', cell(cell0)],
  ['without a cell', null],
])('a server %s is not, also when it had another', (_, where) => {
  const uuid = remembered();
  rememberCell(uuid, { projectId: 'p', cell: where });
  expect(knownCell(uuid)).toBeUndefined();
});

test('for five minutes', () => {
  const uuid = remembered();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5 * 60_000 - 1_000 });
  expect(knownCell(uuid)).toBeDefined();
  vi.setSystemTime(Date.now() + 2_000);
  expect(knownCell(uuid)).toBeUndefined();
});

test('10,000 of them, the latest', () => {
  const [first, second] = [remembered(), remembered()];
  rememberCell(first, { projectId: 'p', cell: cell() });
  for (let count = 0; count < 9_999; count++) remembered();
  expect([knownCell(first), knownCell(second)]).toEqual([expect.anything(), undefined]);
});
