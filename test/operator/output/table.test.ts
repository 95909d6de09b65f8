import { expect, test } from 'vitest';
import { table } from '../../../operator/output/table.ts';

test('columns are as wide as a terminal shows their values, which may have several lines', () => {
  const rows = [
    ['日本', 'one\ntwo'],
    ['web \u001b[31m', ''],
  ];
  expect(table(['Name', 'Value'], rows)).toBe(
    [
      '+----------------+-------+',
      '| Name           | Value |',
      '+----------------+-------+',
      '| 日本           | one   |',
      '|                | two   |',
      '| web \\u001b[31m |       |',
      '+----------------+-------+',
    ].join('\n'),
  );
});

test('a ruled one has a border after every row, and one without rows has only its header', () => {
  expect(table(['A'], [['1'], ['2']], 'ruled')).toBe('+---+\n| A |\n+---+\n| 1 |\n+---+\n| 2 |\n+---+');
  expect(table(['A'], [])).toBe('+---+\n| A |\n+---+');
});
