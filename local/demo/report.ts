/** How the demo is set: headings with their time, running text, tables. Never wider than a hundred columns; colours on a terminal that wants them. */
import { styleText } from 'node:util';
import { getBorderCharacters, table } from 'table';

/** What a piece of text is, as far as its colour goes. */
export type Tone = 'plain' | 'title' | 'good' | 'bad' | 'quiet';

/** A cell of a table. */
export type Cell = string | { text: string; tone: Tone };

/** What the demo writes into. */
export interface Report {
  /** The headline of all. */
  title(text: string): void;
  /** Begins the next section; its number is counted. */
  section(title: string): void;
  /** Ends the section with what it took, in milliseconds since it began. */
  took(what?: string): void;
  /** Running text, wrapped. */
  say(text: string): void;
  /** Lines as they are. */
  draw(lines: readonly string[]): void;
  /** The last word. */
  end(text: string): void;
  /** Rows with aligned columns, the last one wrapped; the heads are optional. */
  table(rows: Cell[][], heads?: string[]): void;
}

const width = 98;
const indent = '   ';
/** Columns between two columns. */
const gap = 2;

const formats = { title: 'bold', good: 'green', bad: 'red', quiet: 'gray' } as const;

/** Times stand right-aligned in their column. */
const isTime = /^[\d.,]+ m?s$/;

/** Colours a text for standard output; styleText knows terminals and NO_COLOR. */
export function paint(tone: Tone, text: string): string {
  return tone === 'plain' ? text : styleText(formats[tone], text, { stream: process.stdout });
}

/** Makes an empty report; `write` gets its lines one by one. */
export function createReport(write: (line: string) => void): Report {
  let blank = false;
  const print = (...lines: string[]) => {
    for (const line of lines.map((text) => text.trimEnd())) {
      // Every part keeps its distance, and no two distances add up.
      if (line !== '' || !blank) write(line);
      blank = line === '';
    }
  };
  let sections = 0;
  let began = 0;
  return {
    title: (text) => print('', indent + paint('title', text), ''),
    section(title) {
      sections += 1;
      began = performance.now();
      print('', `${String(sections).padStart(2)} ${paint('title', title)}`, '');
    },
    took(what = 'took') {
      print(`${indent}${paint('quiet', `${what} ${milliseconds(performance.now() - began)}`)}`);
    },
    say(text) {
      print(...wrap(text, width - indent.length).map((line) => indent + line), '');
    },
    end: (text) => print('', indent + paint('good', text), ''),
    draw: (lines) => print(...lines.map((line) => indent + line), ''),
    table(rows, heads) {
      const all = [...(heads ? [heads.map((text) => ({ text, tone: 'quiet' as const }))] : []), ...rows.map((row) => row.map(asCell))];
      print(...layOut(all).map((line) => indent + line), '');
    },
  };
}

/** Writes a time as people read it. */
export function milliseconds(time: number): string {
  return time < 9_950 ? `${Math.round(time).toLocaleString('en')} ms` : `${(time / 1_000).toFixed(1)} s`;
}

function asCell(cell: Cell): { text: string; tone: Tone } {
  return typeof cell === 'string' ? { text: cell, tone: 'plain' } : cell;
}

function layOut(rows: { text: string; tone: Tone }[][]): string[] {
  const last = Math.max(...rows.map((row) => row.length)) - 1;
  const cells = rows.map((row) => Array.from({ length: last + 1 }, (_, column) => row[column] ?? asCell('')));
  const widths = Array.from({ length: last }, (_, column) => Math.max(...cells.map((row) => row[column]?.text.length ?? 0)));
  const before = widths.reduce((sum, each) => sum + each + gap, indent.length);
  const lines = table(
    cells.map((row) => row.map(({ text, tone }) => paint(tone, text))),
    {
      border: getBorderCharacters('void'),
      drawHorizontalLine: () => false,
      columnDefault: { paddingLeft: 0, paddingRight: gap, wrapWord: true },
      columns: [
        ...widths.map(
          (width, column) => ({ width, alignment: cells.some((row) => isTime.test(row[column]?.text ?? '')) ? 'right' : 'left' }) as const,
        ),
        { width: width - before, paddingRight: 0 },
      ],
    },
  );
  return lines.split('\n');
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
