/**
 * Regular expressions of clients, for PostgreSQL to run. What passes is RE2's syntax as far as PostgreSQL has its meaning: no back-references and no looking
 * around, so a match takes time in proportion to the text; and a bounded program, so that the proportion is bounded, too. The rest is written in PostgreSQL's
 * syntax, because the same text means other things there (`\b` is a backspace).
 */

/** Transitions of the automaton, of which the longest name, letter for letter, has 255. The worst expression takes 1 ms for a name of 255 letters. */
const mostTransitions = 500;
/** Characters; parentheses within parentheses cost a parser its stack. */
const longest = 1_000;
/** PostgreSQL's bound for a repetition. */
const mostRepeats = 255;

/**
 * A part of an expression: how PostgreSQL writes it, and the size of its automaton as Glushkov makes it, in which every letter is a state: the transitions
 * within, how many states may begin and end a match, and whether it matches nothing, too.
 */
interface Part {
  text: string;
  transitions: number;
  first: number;
  last: number;
  empty: boolean;
}

const nothing: Part = { text: '', transitions: 0, first: 0, last: 0, empty: true };
const letter = (text: string): Part => ({ text, transitions: 0, first: 1, last: 1, empty: false });
const constraint = (text: string): Part => ({ ...nothing, text });
const maybe = (part: Part): Part => ({ ...part, empty: true });
const looped = (part: Part): Part => ({ ...part, transitions: part.transitions + part.last * part.first });

function sequence(a: Part, b: Part): Part {
  return {
    text: a.text + b.text,
    transitions: a.transitions + b.transitions + a.last * b.first,
    first: a.first + (a.empty ? b.first : 0),
    last: b.last + (b.empty ? a.last : 0),
    empty: a.empty && b.empty,
  };
}

function either(a: Part, b: Part): Part {
  return {
    text: `${a.text}|${b.text}`,
    transitions: a.transitions + b.transitions,
    first: a.first + b.first,
    last: a.last + b.last,
    empty: a.empty || b.empty,
  };
}

/** As `aa(a(a)?)?` for `a{2,4}`, and `aa+` for `a{2,}`. */
function repeated(part: Part, least: number, most: number): Part {
  let whole = most === Number.POSITIVE_INFINITY ? looped(part) : nothing;
  const copies = most === Number.POSITIVE_INFINITY ? Math.max(least - 1, 0) : most;
  if (most === Number.POSITIVE_INFINITY && least === 0) whole = maybe(whole);
  for (let copy = copies; copy > 0; copy--) {
    whole = sequence(part, whole);
    if (copy > least) whole = maybe(whole);
  }
  return whole;
}

/** A text that is no expression, or none that is allowed. */
class Refused extends Error {}

const classes = /^\[:(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/;
const bounds = /^\{(\d+)(?:(,)(\d+)?)?\}/;
const group = /^\((?:\?(?::|P?<\w+>))?(?!\?)/;
const shorthand = 'dDsSwW';
const controls: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f', v: '\v' };
const constraints: Readonly<Record<string, string>> = { b: '\\y', B: '\\Y', A: '\\A', z: '\\Z', Z: '\\Z' };
const flags: Readonly<Record<string, string>> = { i: 'i', m: 'w', s: '' };

/**
 * Returns the expression in PostgreSQL's syntax; undefined when it is none, is too large, or asks for what RE2 or PostgreSQL does not have. Flags count at its
 * beginning: `(?i)` for any case, `(?m)` for `^` and `$` at lines; `.` matches everything, as in Nova's databases.
 */
export function toPostgresPattern(pattern: string): string | undefined {
  if (pattern.length > longest) return undefined;
  const [prefix = '', letters = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const options = [...new Set(letters)].map((flag) => flags[flag]).join('');
  try {
    const { text, transitions, first } = parse(pattern.slice(prefix.length));
    if (transitions + first > mostTransitions) return undefined;
    return options === '' ? text : `(?${options})${text}`;
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

function parse(pattern: string): Part {
  let rest = pattern;
  /** Takes what the rest begins with, if it does. */
  const take = (form: RegExp): RegExpExecArray | undefined => {
    const found = form.exec(rest) ?? undefined;
    if (found) rest = rest.slice(found[0].length);
    return found;
  };
  const next = (): string => {
    const [char] = rest;
    if (char === undefined) throw new Refused();
    rest = rest.slice(char.length);
    return char;
  };

  const alternatives = (): Part => {
    let whole = branch();
    while (take(/^\|/)) whole = either(whole, branch());
    return whole;
  };
  const branch = (): Part => {
    let whole = nothing;
    while (rest !== '' && !/^[|)]/.test(rest)) whole = sequence(whole, quantified());
    return whole;
  };
  const quantified = (): Part => {
    const part = atom();
    const limits = quantifier();
    if (!limits) return part;
    const [text, least, most] = limits;
    // Whether a repetition is greedy makes no difference to whether it matches.
    take(/^\?/);
    if (part.first === 0 || quantifier()) throw new Refused();
    return { ...repeated(part, least, most), text: part.text + text };
  };
  const quantifier = (): [text: string, least: number, most: number] | undefined => {
    const simple = take(/^[*+?]/)?.[0];
    if (simple) return [simple, simple === '+' ? 1 : 0, simple === '?' ? 1 : Number.POSITIVE_INFINITY];
    const bound = take(bounds);
    if (!bound) return undefined;
    const [text, least, comma, most] = bound;
    const limits = [Number(least), most === undefined ? (comma ? Number.POSITIVE_INFINITY : Number(least)) : Number(most)] as const;
    if (limits[0] > limits[1] || limits.some((limit) => limit > mostRepeats && Number.isFinite(limit))) throw new Refused();
    return [text, ...limits];
  };
  const atom = (): Part => {
    if (take(group)) {
      const inner = alternatives();
      if (next() !== ')') throw new Refused();
      return { ...inner, text: `(?:${inner.text})` };
    }
    const char = next();
    if ('*+?('.includes(char) || bounds.test(char + rest)) throw new Refused();
    if (char === '^' || char === '$') return constraint(char);
    if (char === '.') return letter(char);
    if (char === '[') return letter(bracket());
    if (char !== '\\') return letter(literal(char));
    const [escaped = ''] = rest;
    const condition = constraints[escaped];
    if (condition === undefined) return letter(afterBackslash());
    next();
    return constraint(condition);
  };
  /** After a backslash: a letter of some kind. */
  const afterBackslash = (): string => {
    const char = next();
    if (shorthand.includes(char)) return `\\${char}`;
    const control = controls[char];
    if (control !== undefined) return control;
    if (/^[\p{L}\p{N}]/u.test(char)) throw new Refused();
    return literal(char);
  };
  const bracket = (): string => {
    let text = take(/^\^/) ? '[^' : '[';
    for (let start = true; start || !take(/^\]/); start = false) {
      const named = take(classes)?.[0];
      text += named ?? range();
    }
    return `${text}]`;
  };
  const range = (): string => {
    const from = member();
    if (!take(/^-(?!\])/)) return from;
    const to = member();
    // What is not one letter begins and ends no range.
    if (isKind(from) || isKind(to) || codeOf(from) > codeOf(to)) throw new Refused();
    return `${from}-${to}`;
  };
  const member = (): string => {
    const char = next();
    return char === '\\' ? afterBackslash() : literal(char);
  };

  const whole = alternatives();
  if (rest !== '') throw new Refused();
  return whole;
}

const isKind = (member: string) => /^\\[a-z]/i.test(member);
const codeOf = (member: string) => member.replace(/^\\(?=.)/s, '').codePointAt(0) ?? 0;

/** A letter that means itself. */
function literal(char: string): string {
  return /^[!-/:-@[-`{-~]$/.test(char) ? `\\${char}` : char;
}
