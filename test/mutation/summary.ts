/** What came of a campaign, in numbers, and which survivors have a reason. */
import { dirname } from 'node:path';
import type { Result } from './campaign.ts';
import { type Survivor, survivors } from './survivors.ts';

/** The mutants of a folder; invalid ones are not counted. */
export interface Line {
  folder: string;
  mutants: number;
  caught: number;
  survived: number;
  /** Survivors without a reason. */
  unexplained: number;
}

/** Returns why a mutant may survive; undefined when nobody has said so. */
export function reasonOf(result: Pick<Result, 'file' | 'source' | 'change'>): string | undefined {
  return survivors[result.file]?.find((survivor) => speaksOf(survivor, result))?.reason;
}

/** Returns whether a mutant survived and nobody has said why. */
export function isUnexplained(result: Result): boolean {
  return result.end === 'survived' && reasonOf(result) === undefined;
}

function speaksOf({ source, change }: Survivor, result: Pick<Result, 'source' | 'change'>): boolean {
  return source === result.source && (change === undefined || change === result.change);
}

/** Returns the sums by folder, and of all. */
export function sumUp(results: readonly Result[]): Line[] {
  const folders = [...new Set(results.map(({ file }) => dirname(file)))].toSorted();
  const line = (folder: string, of: readonly Result[]): Line => {
    const survived = of.filter(({ end }) => end === 'survived');
    const caught = of.filter(({ end }) => end === 'caught').length;
    return {
      folder,
      mutants: caught + survived.length,
      caught,
      survived: survived.length,
      unexplained: survived.filter(isUnexplained).length,
    };
  };
  const lines = folders.map((folder) =>
    line(
      folder,
      results.filter(({ file }) => dirname(file) === folder),
    ),
  );
  return [...lines, line('all', results)];
}

/** Returns the reasons that no survivor of these files needs. */
export function unneeded(results: readonly Result[]): { file: string; source: string }[] {
  const files = [...new Set(results.map(({ file }) => file))];
  const survived = results.filter(({ end }) => end === 'survived');
  return files.flatMap((file) =>
    (survivors[file] ?? [])
      .filter((survivor) => !survived.some((result) => result.file === file && speaksOf(survivor, result)))
      .map(({ source }) => ({ file, source })),
  );
}
