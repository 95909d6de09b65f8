/** Dates as operators write them. */
import { expect, test } from 'vitest';
import { parseDate } from '../../../operator/options/date.ts';

test.each([
  ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ['2026-01-31 10:20', '2026-01-31T10:20:00.000Z'],
  ['2026-01-31 10:20:30', '2026-01-31T10:20:30.000Z'],
  ['2026-01-31T10:20:30Z', '2026-01-31T10:20:30.000Z'],
  ['2026-01-31 10:20:30+02:00', '2026-01-31T08:20:30.000Z'],
  ['Sat Jan 31 10:20:30 UTC 2026', '2026-01-31T10:20:30.000Z'],
  ['Sat 31 Jan 2026 10:20:30 PM UTC', '2026-01-31T22:20:30.000Z'],
  ['Sat, 31 Jan 2026 10:20:30 +0100', '2026-01-31T09:20:30.000Z'],
])('%s', (text, expected) => {
  expect(parseDate(text)?.toISOString()).toBe(expected);
});

test.each([
  '',
  'tomorrow',
  '5',
  '20260131',
  '2026-02-30',
  '2026-13-01',
  '2026-01-31 25:00',
  'Sat Jan 31 10:20:30 2026',
  'Sat Jan 31 10:20:30 CET 2026',
])('%s is none', (text) => {
  expect(parseDate(text)).toBeUndefined();
});
