/** SQL as it stands in template strings: tokens with their places in the source file, grouped by parentheses. What `${…}` puts in is one opaque token. */

/** A piece of SQL. Groups are what stands between parentheses. */
export interface Token {
  kind: 'word' | 'number' | 'string' | 'parameter' | 'operator' | 'hole' | 'group';
  /** Words in lower case; of a group its opening parenthesis. */
  text: string;
  start: number;
  end: number;
  /** Of a group, its tokens; otherwise empty. */
  inner: readonly Token[];
}

/** A part of the source. */
export interface Span {
  start: number;
  end: number;
}

const patterns: readonly (readonly [Token['kind'] | 'space', RegExp])[] = [
  ['space', /\s+|--[^\n]*/y],
  ['word', /is\s+(?:not\s+)?distinct\s+from\b|is\s+not\s+null\b|is\s+null\b|[a-z_]\w*(?:\.[a-z_]\w*)*(?:\.\*)?|"[^"]*"/iy],
  ['number', /\d+(?:\.\d+)?(?:e\d+)?/y],
  ['parameter', /:[a-z_]\w*/y],
  ['operator', /->>|->|::[a-z_]\w*(?:\[\])?|<=|>=|=>|<>|\|\||\?\||@>|[-+*/%<>=~|?!,;[\]]/y],
];

/** Returns the tokens of a part of the source; the holes are what must not be read. */
export function tokenize(source: string, { start, end }: Span, holes: readonly Span[]): Token[] {
  const stack: { start: number; tokens: Token[] }[] = [{ start, tokens: [] }];
  const add = (kind: Token['kind'], from: number, to: number, inner: readonly Token[] = []) =>
    stack.at(-1)?.tokens.push({ kind, text: source.slice(from, to).toLowerCase().replace(/\s+/g, ' '), start: from, end: to, inner });
  const holeAt = (position: number) => holes.find((hole) => hole.start === position);
  for (let at = start; at < end; ) {
    const hole = holeAt(at);
    const character = source[at];
    if (hole) {
      add('hole', at, hole.end);
      at = hole.end;
    } else if (character === '(') {
      stack.push({ start: at, tokens: [] });
      at += 1;
    } else if (character === ')') {
      // A fragment may close what another one opened; what stands before is then a group of its own.
      const group = stack.length > 1 ? stack.pop() : { start: at, tokens: stack.splice(0, 1, { start: at, tokens: [] })[0]?.tokens ?? [] };
      if (group) add('group', group.start, at + 1, group.tokens);
      at += 1;
    } else if (character === "'") {
      const after = endOfString(source, at + 1, end, holeAt);
      add('string', at, after);
      at = after;
    } else {
      const [kind, after] = match(source, at);
      if (kind !== 'space') add(kind, at, Math.min(after, end));
      at = after;
    }
  }
  // A fragment may leave open what another one closes.
  while (stack.length > 1) {
    const open = stack.pop();
    if (open) add('group', open.start, end, open.tokens);
  }
  return stack[0]?.tokens ?? [];
}

function match(source: string, at: number): [Token['kind'] | 'space', number] {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    if (pattern.test(source)) return [kind, pattern.lastIndex];
  }
  return ['operator', at + 1];
}

function endOfString(source: string, from: number, end: number, holeAt: (position: number) => Span | undefined): number {
  for (let at = from; at < end; ) {
    const hole = holeAt(at);
    if (hole) at = hole.end;
    else if (source[at] === "'") return at + 1;
    else at += 1;
  }
  return end;
}
