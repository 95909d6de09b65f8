/**
 * Changes of SQL, which decides what Cellzero decides: a condition taken out, a limit moved by one, a statement's side effect left out. Locks are not
 * touched (`for update`, the order of rows): what they keep apart shows only in tests that run statements side by side.
 */
import type { Change } from './mutant.ts';
import { type Span, type Token, tokenize } from './sql-tokens.ts';

/** Returns the changes of a string that holds SQL; `holes` are its `${…}`. */
export function sqlMutants(source: string, span: Span, holes: readonly Span[]): Change[] {
  const statement = source.slice(span.start, span.end);
  const changes: Change[] = [];
  walk(tokenize(source, span, holes), (tokens) => {
    for (const mutator of [conditions, comparisons, negations, arithmetic, constants, functions, assignments, conflicts, joins]) {
      changes.push(...mutator(tokens));
    }
    changes.push(...unusedCtes(tokens, statement));
  });
  return changes;
}

/** Returns whether a text is SQL or a part of it, and no sentence. */
export function isSql(text: string): boolean {
  return (
    /\s/.test(text.trim()) &&
    /(?<![\w'])(select|insert into|update|delete from|where|with|and|or|not|exists|coalesce|case|when|count|is null)(?![\w'])/.test(text)
  );
}

function walk(tokens: readonly Token[], visit: (tokens: readonly Token[]) => void): void {
  visit(tokens);
  for (const { kind, inner } of tokens) if (kind === 'group') walk(inner, visit);
}

const replace = ({ start, end }: Span, replacement: string): Change => ({ start, end, replacement });
const between = (first: Span, last: Span): Span => ({ start: first.start, end: last.end });

/** What ends an expression. */
const clauses = new Set([
  ...['select', 'from', 'where', 'on', 'having', 'when', 'then', 'else', 'end', 'group', 'order', 'limit', 'offset', 'returning', 'union'],
  ...['inner', 'join', 'cross', 'full', 'window', 'for', 'as', 'set', 'using', 'do', 'values', 'case', 'by', 'with', 'conflict', 'lateral'],
]);
const isWord = (token: Token | undefined, ...words: string[]) => token?.kind === 'word' && words.includes(token.text);
const isOperator = (token: Token | undefined, ...operators: string[]) => token?.kind === 'operator' && operators.includes(token.text);

function ends(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  if (isOperator(token, ',', ';')) return true;
  if (isWord(token, 'left', 'right')) return tokens[index + 1]?.kind !== 'group';
  return token?.kind === 'word' && clauses.has(token.text);
}

/** The conditions of a WHERE, HAVING, ON, WHEN, or of any AND and OR: each is taken out, so that it hinders nothing more. */
function conditions(tokens: readonly Token[]): Change[] {
  const changes: Change[] = [];
  for (let at = 0; at <= tokens.length; at++) {
    const opener = tokens[at - 1];
    if (at > 0 && !ends(tokens, at - 1)) continue;
    const { parts, end } = partsOf(tokens, at);
    const alone = isWord(opener, 'where', 'having', 'when') && !isWord(tokens[at - 2], 'end');
    if (parts.length > 1 || (alone && parts.length === 1)) {
      for (const { operand, before, after } of parts) {
        const [first] = operand;
        const last = operand.at(-1);
        if (!first || !last || isWord(first, 'true', 'false')) continue;
        // `case value when 'text'` compares with a value and has no condition.
        if (operand.length === 1 && (first.kind === 'string' || first.kind === 'number')) continue;
        const span = between(first, last);
        const keepsAll = parts.length === 1 || before === 'and' || after === 'and';
        changes.push(replace(span, keepsAll ? 'true' : 'false'));
        if (parts.length === 1 && isWord(opener, 'when')) changes.push(replace(span, 'false'));
      }
    }
    at = Math.max(at, end);
  }
  return changes;
}

interface Part {
  operand: Token[];
  before: string | undefined;
  after: string | undefined;
}

/** Splits an expression at its ANDs and ORs. */
function partsOf(tokens: readonly Token[], from: number): { parts: Part[]; end: number } {
  const parts: Part[] = [{ operand: [], before: undefined, after: undefined }];
  let at = from;
  let range = false;
  for (; at < tokens.length && !ends(tokens, at); at++) {
    const token = tokens[at];
    if (!token) break;
    if (isWord(token, 'between')) range = true;
    if (isWord(token, 'and', 'or') && !(range && token.text === 'and')) {
      const last = parts.at(-1);
      if (last) last.after = token.text;
      parts.push({ operand: [], before: token.text, after: undefined });
    } else {
      if (isWord(token, 'and')) range = false;
      parts.at(-1)?.operand.push(token);
    }
  }
  return { parts, end: at };
}

const otherComparison: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>', '=': '<>', '<>': '=' };

function comparisons(tokens: readonly Token[]): Change[] {
  const assigned = new Set(
    assignmentsOf(tokens)
      .flat()
      .map(({ sign }) => sign),
  );
  return tokens.flatMap((token) => {
    const other = token.kind === 'operator' ? otherComparison[token.text] : undefined;
    return other === undefined || assigned.has(token) ? [] : [replace(token, other)];
  });
}

const otherTest: Readonly<Record<string, string>> = {
  'is null': 'is not null',
  'is not null': 'is null',
  'is distinct from': 'is not distinct from',
  'is not distinct from': 'is distinct from',
};

function negations(tokens: readonly Token[]): Change[] {
  return tokens.flatMap((token, index): Change[] => {
    const next = tokens[index + 1];
    const negated = isWord(tokens[index - 1], 'not');
    if (token.kind !== 'word') return [];
    if (token.text === 'not' && next) return [replace({ start: token.start, end: next.start }, '')];
    if (isWord(token, 'exists', 'in') && !negated && next?.kind === 'group') return [replace(token, `not ${token.text}`)];
    const other = otherTest[token.text];
    return other === undefined ? [] : [replace(token, other)];
  });
}

const otherArithmetic: Readonly<Record<string, string>> = { '+': '-', '-': '+', '*': '/', '/': '*' };

function arithmetic(tokens: readonly Token[]): Change[] {
  const value = (token: Token | undefined, name: 'before' | 'after') =>
    token !== undefined &&
    (['number', 'parameter', 'string', 'group', 'hole'].includes(token.kind) ||
      (name === 'before' && token.kind === 'operator' && token.text.startsWith('::')) ||
      (token.kind === 'word' && !clauses.has(token.text) && !isWord(token, 'and', 'or', 'not', 'distinct', 'all')));
  return tokens.flatMap((token, index) => {
    const other = token.kind === 'operator' ? otherArithmetic[token.text] : undefined;
    if (other === undefined || !value(tokens[index - 1], 'before') || !value(tokens[index + 1], 'after')) return [];
    return [replace(token, other)];
  });
}

/** Numbers and intervals by one, truths turned round. Ordinals (`order by 1`) and the number of a bare `select 1` say nothing. */
function constants(tokens: readonly Token[]): Change[] {
  return tokens.flatMap((token, index): Change[] => {
    if (isWord(token, 'true', 'false')) return [replace(token, token.text === 'true' ? 'false' : 'true')];
    if (token.kind === 'string') return intervalMutants(token);
    if (token.kind !== 'number' || !/^\d+$/.test(token.text) || token.text === unlimited) return [];
    if (isOrdinal(tokens, index) || (isWord(tokens[index - 1], 'select') && index === tokens.length - 1)) return [];
    return byOne(Number(token.text)).map((number) => replace(token, String(number)));
  });
}

/** As much as an integer holds. */
const unlimited = '2147483647';

/** Returns a natural number's neighbours. */
export function byOne(number: number): number[] {
  return number > 0 ? [number + 1, number - 1] : [number + 1];
}

function isOrdinal(tokens: readonly Token[], index: number): boolean {
  for (let at = index - 1; at >= 0; at--) {
    const token = tokens[at];
    if (isWord(token, 'by')) return true;
    if (token?.kind !== 'number' && !isOperator(token, ',') && !isWord(token, 'asc', 'desc')) return false;
  }
  return false;
}

/** Returns the changes of a text such as `10 minutes` with its quotes. */
export function intervalMutants({ text, start, end }: Pick<Token, 'text' | 'start' | 'end'>): Change[] {
  const [, number, unit] = /^['"](\d+) (seconds?|minutes?|hours?|days?)['"]$/.exec(text) ?? [];
  if (number === undefined) return [];
  return byOne(Number(number)).map((other) => replace({ start, end }, `'${other} ${unit}'`));
}

const otherWord: Readonly<Record<string, string>> = {
  ...{ least: 'greatest', greatest: 'least', min: 'max', max: 'min', bool_and: 'bool_or', bool_or: 'bool_and', asc: 'desc', desc: 'asc' },
};

function functions(tokens: readonly Token[]): Change[] {
  return tokens.flatMap((token, index): Change[] => {
    if (token.kind !== 'word') return [];
    const group = tokens[index + 1];
    if (token.text === 'coalesce' && group) return withoutDefault(group);
    const other = otherWord[token.text];
    if (other === undefined || (group?.kind !== 'group' && !isWord(token, 'asc', 'desc'))) return [];
    return [replace(token, other)];
  });
}

/** `coalesce(value)` is value. */
function withoutDefault({ inner, end }: Token): Change[] {
  const comma = inner.find((token) => isOperator(token, ','));
  return comma ? [replace({ start: comma.start, end: end - 1 }, '')] : [];
}

interface Assignment extends Span {
  sign: Token;
}

/** Returns the lists of assignments of `update … set`. */
function assignmentsOf(tokens: readonly Token[]): Assignment[][] {
  const lists: Assignment[][] = [];
  let open = false;
  for (const [index, token] of tokens.entries()) {
    const sign = tokens[index + 1];
    const begins = isWord(tokens[index - 1], 'set') || (open && isOperator(tokens[index - 1], ','));
    if (isWord(tokens[index - 1], 'set')) lists.push([]);
    if (begins) open = sign !== undefined && isOperator(sign, '=');
    if (isWord(token, 'where', 'from', 'returning')) open = false;
    if (begins && open && sign) lists.at(-1)?.push({ start: token.start, end: token.end, sign });
    const last = lists.at(-1)?.at(-1);
    if (open && last && !isOperator(token, ',')) last.end = token.end;
  }
  return lists;
}

/** Each assignment of several is left out. */
function assignments(tokens: readonly Token[]): Change[] {
  return assignmentsOf(tokens)
    .filter((list) => list.length > 1)
    .flatMap((list) =>
      list.map(({ start, end }, index) => {
        const next = list[index + 1];
        const previous = list[index - 1];
        return replace(next ? { start, end: next.start } : { start: previous?.end ?? start, end }, '');
      }),
    );
}

/** What makes a statement safe to send twice. */
function conflicts(tokens: readonly Token[]): Change[] {
  return tokens.flatMap((token, index) => {
    if (!isWord(token, 'on') || !isWord(tokens[index + 1], 'conflict')) return [];
    const does = tokens.findIndex((other, at) => at > index && isWord(other, 'do'));
    const doing = tokens[does + 1];
    const [first] = tokens.slice(does);
    if (!doing || !first) return [];
    if (isWord(doing, 'nothing')) return [replace(between(token, doing), '')];
    const end = tokens.findIndex((other, at) => at > does && isWord(other, 'returning'));
    const last = tokens.at(end === -1 ? -1 : end - 1);
    return last ? [replace(between(first, last), 'do nothing')] : [];
  });
}

/** A row that finds no partner is left out. */
function joins(tokens: readonly Token[]): Change[] {
  return tokens.flatMap((token, index) => (isWord(token, 'left') && isWord(tokens[index + 1], 'join') ? [replace(token, '')] : []));
}

/** CTEs that nothing reads are there for what they do: each is left out, whether it is written here or in a fragment. */
function unusedCtes(tokens: readonly Token[], statement: string): Change[] {
  const changes: Change[] = [];
  for (const [index, token] of tokens.entries()) {
    const opener = tokens[index - 1];
    if (!isWord(opener, 'with') && !isOperator(opener, ',') && index > 0) continue;
    const last = token.kind === 'hole' && isOperator(opener, ',') ? token : cteAt(tokens, index);
    if (!last || (token.kind === 'word' && count(statement, token.text) > 1)) continue;
    const next = tokens[tokens.indexOf(last) + 1];
    if (token.kind === 'hole' && next && !isWord(next, 'select') && !(isOperator(next, ',') && isWord(tokens[0], 'with'))) continue;
    if (opener && isOperator(opener, ',')) changes.push(replace(between(opener, last), ''));
    else if (next && isOperator(next, ',')) changes.push(replace({ start: token.start, end: next.end }, ''));
    else if (opener && isWord(opener, 'with')) changes.push(replace(between(opener, last), ''));
  }
  return changes;
}

/** Returns the last token of the CTE that begins here: `name as [materialized] (…)`. */
function cteAt(tokens: readonly Token[], index: number): Token | undefined {
  const [name, as, ...rest] = tokens.slice(index, index + 4);
  const body = isWord(rest[0], 'materialized') ? rest[1] : rest[0];
  return name?.kind === 'word' && isWord(as, 'as') && body?.kind === 'group' && /^\(\s*(insert|update|delete|\$)/.test(body.text)
    ? body
    : undefined;
}

function count(text: string, word: string): number {
  return text.match(new RegExp(`(?<![\\w.])${word}(?!\\w)`, 'g'))?.length ?? 0;
}
