import { describe, expect, it } from 'vitest';
import { bind, parseStatement, positionInSource } from '../../../../local/aws/data-api/statement.ts';

const names = (sql: string) => parseStatement(sql).names;

describe('a parameter is found', () => {
  it.each([
    ['select :a, :b_2', ['a', 'b_2']],
    ['select :a::uuid', ['a']],
    ['select array[1,2,3][:a]', ['a']],
    [`select '\\' || :a || '\\'`, ['a']],
    [`select type'x' || :a`, ['a']],
    ['select $1$ || :a || $1$', ['a']],
    ['select a$b$c, :d, a$b$c', ['d']],
    ['select :a--:b\n, :c', ['a', 'c']],
    ["select 'it''s' || :a || 'it''s'", ['a']],
  ])('in %s', (sql, expected) => {
    expect(names(sql)).toEqual(expected);
  });
});

describe('no parameter is found', () => {
  it.each([
    "select ':a'",
    "select 'it'':a'",
    `select E'\\':a'`,
    `select e'\\\\\\':a'`,
    'select ":a" from t',
    'select "x"":a" from t',
    'select 1 -- :a',
    'select /* :a /* :b */ :c */ 1',
    'select $$ :a $$',
    'select $body$ :a $$ :b $body$',
    'select a::text',
    'select (array[1,2,3])[1:2]',
    'call f(a := 1)',
    'select /* :unfinished',
    "select 'unfinished :a",
  ])('in %s', (sql) => {
    expect(names(sql)).toEqual([]);
  });
});

it('a long text is scanned without recursion', () => {
  const sql = `select '${"it''s ".repeat(200_000)}', :a`;
  expect(names(sql)).toEqual(['a']);
});

it.each([
  ['select 1', true],
  ['  -- a comment\n/* another */ with a as (select 1) select * from a', true],
  ['(select 1) union (select 2)', true],
  ['insert into t values (1)', true],
  ['create table t ()', false],
  ['selectable', false],
  ['set timezone = 1', false],
])('%s keeps its plan: %s', (sql, expected) => {
  expect(parseStatement(sql).isQuery).toBe(expected);
});

it('each name gets one number and its type as a cast', () => {
  const values = new Map([
    ['a', { type: 'text', text: 'x' }],
    ['b', { type: undefined, text: null }],
    ['unused', { type: 'text', text: 'y' }],
  ]);
  expect(bind(parseStatement('select :a, :b::uuid, :a'), values)).toEqual({
    text: 'select $1::text, $2::uuid, $1::text',
    values: ['x', null],
  });
});

it('a name without a value is reported', () => {
  expect(() => bind(parseStatement('select :a'), new Map())).toThrow('Cannot find parameter: a');
});

it('positions lead back to the text of the caller', () => {
  const sql = 'select :first_parameter, nonsense, :b';
  const values = new Map([
    ['first_parameter', { type: 'text', text: 'x' }],
    ['b', { type: 'text', text: 'y' }],
  ]);
  const statement = parseStatement(sql);
  const bound = bind(statement, values);
  const position = bound.text.indexOf('nonsense') + 1;
  expect(positionInSource(statement, bound, position)).toBe(sql.indexOf('nonsense') + 1);
  expect(positionInSource(statement, bound, bound.text.indexOf('$2') + 1)).toBe(sql.indexOf(':b') + 1);
});
