/** A mutant: the text of a source file with one small change, of which a test nearby should notice. */

/** One change of a source file. */
export interface Mutant {
  /** Path from the root of the project. */
  file: string;
  /** Where the changed text stands, as offsets into the file. */
  start: number;
  end: number;
  replacement: string;
}

/** A change within a text whose file is known elsewhere. */
export type Change = Omit<Mutant, 'file'>;

/** Returns the text of the file with the change made. */
export function mutate(text: string, { start, end, replacement }: Change): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** Where a mutant stands and what it changes, in words that stay the same when lines above it come and go. */
export interface Description {
  /** From 1. */
  line: number;
  /** The line of source, without the white space around it. */
  source: string;
  /** `old → new`. */
  change: string;
}

/** Returns where a change stands in the text and what it does. */
export function describe(text: string, { start, end, replacement }: Change): Description {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = text.indexOf('\n', start);
  return {
    line: text.slice(0, start).split('\n').length,
    source: text.slice(lineStart, lineEnd === -1 ? undefined : lineEnd).trim(),
    change: `${oneLine(text.slice(start, end))} → ${oneLine(replacement) || '(nothing)'}`,
  };
}

const longest = 90;

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
}
