/**
 * Finds the named parameters of a SQL text and makes PostgreSQL's numbered ones of them. A colon is a parameter only where it cannot be anything else:
 * strings, quoted names, comments, dollar quotes, casts and array bounds are passed over.
 */

/** A SQL text, cut at its parameters: a text before each one, and one after the last. */
export interface Statement {
  readonly sql: string;
  readonly texts: readonly string[];
  readonly names: readonly string[];
  /** Whether it reads or changes rows, so that its plan may be kept; everything else may change a schema or a session. */
  readonly isQuery: boolean;
}

/** A statement as PostgreSQL takes it. */
export interface BoundStatement {
  readonly text: string;
  readonly values: (string | null)[];
}

/** A value in PostgreSQL's text form and the type it is declared as; undefined leaves the type to PostgreSQL. */
export interface BoundValue {
  readonly type: string | undefined;
  readonly text: string | null;
}

/** Everything in which a colon means nothing, and at last a parameter. Comments and dollar quotes are only recognised by how they start. */
const tokens =
  /(?<![\w$])[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'?|'[^']*(?:''[^']*)*'?|"[^"]*"?|--[^\n]*|\/\*|(?<![\w$\u0080-\uffff])\$(?:[a-zA-Z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|::|:=|:([a-zA-Z_]\w*)/gs;

const queryWords = /^[\s(]*(?:select|insert|update|delete|merge|with|values|table)\b/i;

const parsed = new Map<string, Statement>();
const remembered = 1_000;

/** Parses a SQL text; texts seen before are remembered, because programs repeat theirs. */
export function parseStatement(sql: string): Statement {
  let statement = parsed.get(sql);
  if (!statement) {
    statement = parse(sql);
    if (parsed.size >= remembered) parsed.clear();
    parsed.set(sql, statement);
  }
  return statement;
}

function parse(sql: string): Statement {
  const texts: string[] = [];
  const names: string[] = [];
  let code = '';
  let start = 0;
  let codeStart = 0;
  const skipComment = (from: number, to: number) => {
    code += `${sql.slice(codeStart, from)} `;
    codeStart = to;
    tokens.lastIndex = to;
  };
  tokens.lastIndex = 0;
  for (let token = tokens.exec(sql); token; token = tokens.exec(sql)) {
    const [text, name] = token;
    if (name !== undefined) {
      texts.push(sql.slice(start, token.index));
      names.push(name);
      start = tokens.lastIndex;
    } else if (text === '/*') {
      skipComment(token.index, endOfComment(sql, token.index));
    } else if (text.startsWith('--')) {
      skipComment(token.index, tokens.lastIndex);
    } else if (text.startsWith('$')) {
      const end = sql.indexOf(text, tokens.lastIndex);
      tokens.lastIndex = end < 0 ? sql.length : end + text.length;
    }
  }
  texts.push(sql.slice(start));
  code += sql.slice(codeStart);
  return { sql, texts, names, isQuery: queryWords.test(code) };
}

/** PostgreSQL's block comments nest. */
function endOfComment(sql: string, start: number): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = start;
  let depth = 0;
  for (let mark = marks.exec(sql); mark; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return sql.length;
}

/**
 * Puts values in place of names. A declared type becomes a cast of the number (`$1::text`), so a text meets a uuid column as a text and fails there, as
 * it does in the cloud. Values whose names do not occur are left out.
 * @throws MissingParameter when a name has no value.
 */
export function bind(statement: Statement, parameters: ReadonlyMap<string, BoundValue>): BoundStatement {
  const numbers = new Map<string, number>();
  const values: (string | null)[] = [];
  let text = statement.texts[0] ?? '';
  for (const [index, name] of statement.names.entries()) {
    const value = parameters.get(name);
    if (!value) throw new MissingParameter(name);
    // Without a type each place gets a number of its own, because PostgreSQL has one type for a number.
    const number = (value.type && numbers.get(name)) || values.push(value.text);
    numbers.set(name, number);
    text += `$${number}${value.type ? `::${value.type}` : ''}${statement.texts[index + 1] ?? ''}`;
  }
  return { text, values };
}

/** A name in the SQL text has no value. */
export class MissingParameter extends Error {
  override name = 'MissingParameter';

  constructor(parameter: string) {
    super(`Cannot find parameter: ${parameter}`);
  }
}

/** Where a position in the bound text (from 1) is in the SQL text the caller wrote, for error messages. */
export function positionInSource(statement: Statement, bound: BoundStatement, position: number): number {
  let inBound = 0;
  let inSource = 0;
  for (const [index, text] of statement.texts.entries()) {
    if (position <= inBound + text.length) return inSource + position - inBound;
    const name = statement.names[index];
    const next = statement.texts[index + 1];
    if (name === undefined || next === undefined) break;
    inBound += text.length;
    inSource += text.length;
    const width = /^\$\d+(?:::\w+)?/.exec(bound.text.slice(inBound))?.[0].length ?? 0;
    if (position <= inBound + width) return inSource + 1;
    inBound += width;
    inSource += name.length + 1;
  }
  return position;
}
