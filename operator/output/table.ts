/** Tables for people in the style of nova-manage: borders, a header, everything to the left. A value may have several lines. */

/**
 * Returns a table of rows under headers, without a newline at the end. Control characters in values are shown, not obeyed.
 * @param style `ruled` has a border after every row.
 */
export function table(headers: readonly string[], rows: readonly (readonly string[])[], style: 'plain' | 'ruled' = 'plain'): string {
  const all = [headers, ...rows].map((row) => row.map((value) => value.split('\n').map(visible)));
  const widths = headers.map((_, column) => Math.max(...all.map((row) => Math.max(...(row[column] ?? []).map((line) => line.length)))));
  const border = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const [header = '', ...body] = all.map((row) => linesOf(row, widths));
  const lines = style === 'ruled' ? body.flatMap((row) => [row, border]) : [...body, ...(body.length > 0 ? [border] : [])];
  return [border, header, border, ...lines].join('\n');
}

function linesOf(row: readonly (readonly string[])[], widths: readonly number[]): string {
  const height = Math.max(...row.map((lines) => lines.length));
  const line = (index: number) => `|${widths.map((width, column) => ` ${(row[column]?.[index] ?? '').padEnd(width)} `).join('|')}|`;
  return Array.from({ length: height }, (_, index) => line(index)).join('\n');
}

/** What users wrote may hold sequences that a terminal obeys. */
export function visible(line: string): string {
  return line.replace(/\p{Cc}|\p{Cf}/gu, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}

/** Breaks a text at spaces into lines of at most `width` characters; a longer word stays whole. */
export function wrap(text: string, width: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}
