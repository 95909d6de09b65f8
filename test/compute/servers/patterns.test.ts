/** What of a client's regular expressions reaches PostgreSQL: only what it runs in bounded time, and with the meaning that the client gave it. */
import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toPostgresPattern } from '../../../compute/servers/patterns.ts';
import { type Postgres, startPostgres } from '../../../local/postgres/postgres.ts';

let postgres: Postgres;
let client: Client;
beforeAll(async () => {
  postgres = await startPostgres({ dataDir: undefined });
  client = new Client({ ...postgres.connection, database: 'postgres', statement_timeout: 5_000 });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await postgres?.stop();
});

/** Whether PostgreSQL finds the pattern in each text. */
async function matches(pattern: string, texts: readonly string[]): Promise<boolean[]> {
  const allowed = toPostgresPattern(pattern);
  if (allowed === undefined) throw new Error(`${pattern} is refused`);
  const { rows } = await client.query<{ found: boolean }>('select text ~ $1 as found from unnest($2::text[]) text', [allowed, texts]);
  return rows.map(({ found }) => found);
}

describe('means to PostgreSQL what it means elsewhere:', () => {
  test.each([
    ['web', ['a web', 'we']],
    ['^web$', ['web', 'webs']],
    ['(?i)web', ['WEB', 'we']],
    ['(?im)^web$', ['a\nWEB\nb', 'aweb']],
    ['(?s)a.b', ['a\nb', 'ab']],
    ['\\bweb\\b', ['a web b', 'awebb']],
    ['\\Bweb\\B', ['awebb', 'a web b']],
    ['\\Aweb\\z', ['web', 'web ']],
    ['\\d{2,3}[^\\D5]', ['124', '125']],
    ['[]a-c^-]{2}', [']-', '__']],
    ['[[:digit:]x-z]', ['y', 'w']],
    ['[[.a.]]', ['[]', 'a.']],
    ['(?P<name>a)(?<other>b)(?:c)', ['abc', 'ab']],
    ['a{,2}b{', ['a{,2}b{', 'aab']],
    ['\\.\\-\\_\\/\\\\', ['.-_/\\', 'x']],
    ['a+?b*?c??', ['aabc', 'b']],
    ['***', []],
    ['ä\\tö', ['ä\tö', 'ätö']],
    ['(a|b|)c', ['c', 'd']],
  ])('%s', async (pattern, [found, other]) => {
    if (found === undefined || other === undefined) expect(toPostgresPattern(pattern)).toBeUndefined();
    else expect(await matches(pattern, [found, other])).toEqual([true, false]);
  });
});

test.each([
  ...['*a', '+', '?', 'a|*', '(*a)', '{2}', 'a**', 'a+*', 'a{2}{3}', 'a{3,2}', 'a{256}', 'a{1,1000}', '^*', '\\b+', '()*'],
  ...['(', ')', '(a', 'a)', '[', '[a', '[]', '[^]', '[b-a]', '[\\d-a]', '[a-\\w]', '\\', '[\\', 'a\\', '(?', '(?:', '(?P<a)'],
  ...['(a)\\1', '\\0', '\\x41', '\\pL', '\\Q', '[\\b]', '(?=a)', '(?!a)', '(?<=a)', '(?<!a)', '(?i:a)', 'a(?i)b', '(?x)a', '(?-i)a'],
])('is refused: %s', (pattern) => {
  expect(toPostgresPattern(pattern)).toBeUndefined();
});

describe('is bounded:', () => {
  test.each([
    ['a'.repeat(255), true],
    ['a'.repeat(500), true],
    ['a'.repeat(501), false],
    ['.{0,240}z', true],
    ['.{0,240}a.{0,240}z', false],
    ['(a?){29}', true],
    ['(a?){40}', false],
    ['(a{20}){25}', true],
    ['(a{20}){26}', false],
    ['((a{10}){10}){10}', false],
    ['(a|b|c|d|e|f|g|h|i|j)*', true],
    [`(${Array.from('abcdefghijklmnopqrstuvwxyz').join('|')})*`, false],
    ['('.repeat(499) + ')'.repeat(499), true],
    ['('.repeat(501) + ')'.repeat(501), false],
  ])('%s', (pattern, allowed) => {
    expect(toPostgresPattern(pattern) !== undefined).toBe(allowed);
  });

  test('the worst that is allowed takes no time for a hundred names of 255 letters', async () => {
    await client.query(`create table names as select repeat('ab', 127) || 'a' as name from generate_series(1, 100)`);
    for (const pattern of ['[ab]*a[ab]{245}c', '(a?){20}a{20}', '.*a.{200}.*c', '(([ab]*)*)*c']) {
      const start = performance.now();
      await client.query('select count(*) from names where name ~ $1', [toPostgresPattern(pattern)]);
      expect(performance.now() - start).toBeLessThan(2_000);
    }
  });
});

test('random expressions find in PostgreSQL what they find in JavaScript, and PostgreSQL takes all that are allowed', {
  timeout: 60_000,
}, async () => {
  const atoms = fc.constantFrom(
    ...['a', 'b', '.', '\\d', '\\w', '\\W', '\\s', '\\S', '[ab]', '[^a]', '[a-c]', '[\\w-]', '[^\\d]', '[.^$]', '[\\]b]', '[\\D]'],
    ...['\\.', '\\-', 'x', '1', '-', '_', '\\b', '\\B', '^', '$', '{', '}', 'a{,2}', '{x', '\\\\', ' ', '\\t', '/', '"'],
  );
  const quantifiers = fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '*?', '+?', '{1,2}?');
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { depthSize: 'small' },
      atoms,
      fc.tuple(tie('pattern'), quantifiers).map(([part, quantifier]) => `${part}${quantifier}`),
      fc.array(tie('pattern'), { maxLength: 4 }).map((parts) => parts.join('')),
      fc.array(tie('pattern'), { minLength: 1, maxLength: 3 }).map((parts) => `(${parts.join('|')})`),
      tie('pattern').map((part) => `(?:${part})`),
    ),
  }));
  const letters = fc.constantFrom('a', 'b', 'c', 'x', '1', '-', '_', '.', '{', '}', '^', ' ', '\\', 'A', ']', ',');
  const texts = fc.array(fc.string({ unit: letters, maxLength: 12 }), { minLength: 5, maxLength: 5 });
  let allowed = 0;
  await fc.assert(
    fc.asyncProperty(pattern, texts, fc.constantFrom('', '(?i)'), async (pattern, texts, flag) => {
      if (toPostgresPattern(flag + pattern) === undefined) return;
      allowed += 1;
      const inJavaScript = new RegExp(pattern, flag ? 'is' : 's');
      expect(await matches(flag + pattern, texts)).toEqual(texts.map((text) => inJavaScript.test(text)));
    }),
    { numRuns: 2_000 },
  );
  expect(allowed).toBeGreaterThan(1_000);
});
