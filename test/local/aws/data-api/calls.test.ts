import { expect, it } from 'vitest';
import { createCallLog, depth } from '../../../../local/aws/data-api/calls.ts';

const fields = { cluster: 'api', operation: 'Execute', sql: 'select 1' } as const;

it('only the latest calls are kept', () => {
  const log = createCallLog();
  for (let call = 0; call < 25_000; call += 1) log.record(fields);
  expect(log.all()).toHaveLength(10_000);
  expect(log.all()[0]?.sequence).toBe(15_001);
  expect(log.mark()).toBe(25_000);
  expect(log.since(24_999)).toHaveLength(1);
});

it.each([
  ['nothing', [], 0],
  [
    'one after the other',
    [
      [0, 1],
      [1, 2],
      [3, 4],
    ],
    3,
  ],
  [
    'all at once',
    [
      [0, 5],
      [1, 4],
      [2, 3],
    ],
    1,
  ],
  [
    'two at once, then one',
    [
      [0, 2],
      [1, 3],
      [3, 4],
    ],
    2,
  ],
  [
    'a short one beside two',
    [
      [0, 9],
      [1, 2],
      [3, 4],
    ],
    2,
  ],
] as [string, [number, number][], number][])('depth of %s', (_name, spans, expected) => {
  const calls = spans.map(([startedAt, endedAt], index) => ({ ...fields, sequence: index, startedAt, endedAt, error: undefined }));
  expect(depth(calls)).toBe(expected);
});
