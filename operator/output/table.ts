/** Tables for people in the style of nova-manage: borders, a header, everything to the left. A value may have several lines. */
import { getBorderCharacters, table as layOut } from 'table';

/**
 * Returns a table of rows under headers, without a newline at the end. Control characters in values are shown, not obeyed.
 * @param style `ruled` has a border after every row.
 */
export function table(headers: readonly string[], rows: readonly (readonly string[])[], style: 'plain' | 'ruled' = 'plain'): string {
  const shown = [headers, ...rows].map((row) => row.map((value) => value.split('\n').map(visible).join('\n')));
  return layOut(shown, {
    border: { ...getBorderCharacters('ramac'), joinLeft: '+', joinJoin: '+', joinRight: '+' },
    drawHorizontalLine: (index, rows) => style === 'ruled' || index <= 1 || index === rows,
  }).trimEnd();
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
