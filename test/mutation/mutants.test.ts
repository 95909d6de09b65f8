/** Which mutants a piece of code has. */
import { expect, test } from 'vitest';
import { describe, mutate } from './mutant.ts';
import { typescriptMutants } from './typescript-mutants.ts';

/** The changed lines; SQL is looked for where databases are. */
function mutantsOf(code: string, file = 'compute/file.ts'): string[] {
  return typescriptMutants(file, code)
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .map((change) => mutate(code, change).replace(/\s+/g, ' ').trim());
}

const sqlMutantsOf = (sql: string) => mutantsOf(`\`${sql}\``, 'database/file.ts').map((code) => code.slice(1, -1).trim());

test.each([
  ['a > b', ['a >= b']],
  ['a === b', ['a !== b']],
  ['a + 1', ['a - 1', 'a + 2', 'a + 0']],
  ["a + ' servers'", []],
  ['a && !b', ['a || !b', 'a && b']],
  ['a ?? b', ['a']],
  ['list[0] ?? 0', ['list[1] ?? 0']],
  ['const [row] = rows; return row?.count ?? 0;', []],
  ['return rows?.count ?? 0;', ['return rows?.count;', 'return rows?.count ?? 1;']],
  ['if (a) b();', ['if (true) b();', 'if (false) b();', 'if (a) ;']],
  ['for (const a of b) c(a); d();', ['for (const a of b) ; d();', 'for (const a of b) c(a);']],
  [
    "if (!row) throw new Error('a select returns one row');",
    ["if (true) throw new Error('a select returns one row');", "if (row) throw new Error('a select returns one row');"],
  ],
  ['const x = a ? b : c', ['const x = true ? b : c', 'const x = false ? b : c']],
  ['await noteOrphanedRows(api, cell, server);', ['']],
  [
    'const x = list.filter(isOld).slice(1)',
    [
      'const x = list.slice(1)',
      'const x = list.filter(isOld)',
      'const x = list.filter(isOld).slice(2)',
      'const x = list.filter(isOld).slice(0)',
    ],
  ],
  ['const x = list.every(fits)', ['const x = list.some(fits)']],
  ["const failuresLast = '10 minutes'", ["const failuresLast = '11 minutes'", "const failuresLast = '9 minutes'"]],
  ['type Limit = 1 | true; interface A { b: 2 }', []],
])('TypeScript: %s', (code, mutants) => {
  expect(mutantsOf(code)).toEqual(mutants);
});

test.each([
  [
    'delete from b using asked where b.uuid = asked.uuid and b.execution = :execution',
    [
      'delete from b using asked where true and b.execution = :execution',
      'delete from b using asked where b.uuid <> asked.uuid and b.execution = :execution',
      'delete from b using asked where b.uuid = asked.uuid and true',
      'delete from b using asked where b.uuid = asked.uuid and b.execution <> :execution',
    ],
  ],
  [
    'select a from b where a < 3',
    ['select a from b where true', 'select a from b where a <= 3', 'select a from b where a < 4', 'select a from b where a < 2'],
  ],
  ['select make_interval(secs => :age) from a', []],
  ['where a or b is null', ['where false or b is null', 'where a or false', 'where a or b is not null']],
  ['where not exists (select from b)', ['where exists (select from b)', 'where true']],
  [
    'where a between 1 and 2',
    ['where true', 'where a between 2 and 2', 'where a between 0 and 2', 'where a between 1 and 3', 'where a between 1 and 1'],
  ],
  [
    'update a set b = 1 + :c, updated_at = now() where true',
    [
      'update a set updated_at = now() where true',
      'update a set b = 2 + :c, updated_at = now() where true',
      'update a set b = 0 + :c, updated_at = now() where true',
      'update a set b = 1 - :c, updated_at = now() where true',
      'update a set b = 1 + :c where true',
      'update a set b = 1 + :c, updated_at = now() where false',
    ],
  ],
  ['select coalesce(a, b) from c', ['select coalesce(a) from c']],
  [
    'select least(a, b) from c order by 1 desc',
    ['select greatest(a, b) from c order by 1 desc', 'select least(a, b) from c order by 1 asc'],
  ],
  ['insert into a select b from c on conflict (b) do nothing', ['insert into a select b from c']],
  [
    'insert into a select b from c on conflict (b) do update set d = 1 returning b',
    [
      'insert into a select b from c on conflict (b) do nothing returning b',
      'insert into a select b from c on conflict (b) do update set d = 2 returning b',
      'insert into a select b from c on conflict (b) do update set d = 0 returning b',
    ],
  ],
  ['select a from b left join c using (d)', ['select a from b join c using (d)']],
  [
    'with kept as (select 1 as one), noted as (insert into b select :a) select one from kept',
    [
      'with kept as (select 1 as one) select one from kept',
      'with kept as (select 2 as one), noted as (insert into b select :a) select one from kept',
      'with kept as (select 0 as one), noted as (insert into b select :a) select one from kept',
    ],
  ],
  [
    "select count(*) from a where at > now() - interval '1 day'",
    [
      'select count(*) from a where true',
      "select count(*) from a where at >= now() - interval '1 day'",
      "select count(*) from a where at > now() + interval '1 day'",
      "select count(*) from a where at > now() - interval '2 day'",
      "select count(*) from a where at > now() - interval '0 day'",
    ],
  ],
])('SQL: %s', (sql, mutants) => {
  expect(sqlMutantsOf(sql).toSorted()).toEqual(mutants.toSorted());
});

test('what is put into a statement is left out with its condition, and has mutants of its own', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code.
  const mutants = mutantsOf("`select a from b where ${old} and c ${x ? 'and d' : ''}`", 'database/file.ts');
  expect(mutants).toEqual([
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is code.
    "`select a from b where true and c ${x ? 'and d' : ''}`",
    '`select a from b where ${old} and true`',
    "`select a from b where ${old} and c ${true ? 'and d' : ''}`",
    "`select a from b where ${old} and c ${false ? 'and d' : ''}`",
    "`select a from b where ${old} and c ${x ? 'and true' : ''}`",
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is code.
  ]);
});

test('a mutant is named by its line and its change', () => {
  const code = 'first();\n  if (a > 1) second();\n';
  const [change] = typescriptMutants('compute/file.ts', code).filter(({ replacement }) => replacement === '>=');
  expect(change && describe(code, change)).toEqual({ line: 2, source: 'if (a > 1) second();', change: '> → >=' });
});
