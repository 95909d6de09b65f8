/** Which tests stand nearest to a source file: those of the same name in the mirrored tree, then those named here. */
import { globSync } from 'node:fs';

/** What is tried when nothing is named. */
export const campaign = ['compute/boot', 'compute/quotas', 'compute/scheduler', 'database/api'];

/** Tests of other names, by the beginning of a path. */
const others: Readonly<Record<string, readonly string[]>> = {
  'compute/scheduler/': ['test/compute/scheduler/filters.test.ts', 'test/compute/scheduler/weighers.test.ts'],
};

/** Returns the source files below these paths that are worth mutating. */
export function sourcesBelow(paths: readonly string[]): string[] {
  const files = paths.flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.ts`)));
  return files.filter((file) => !file.includes('/migrations/')).toSorted();
}

/** Returns the test files nearest to a source file, nearest first. */
export function nearestTests(file: string): string[] {
  const stem = `test/${file.replace(/\.ts$/, '')}`;
  const mirrored = globSync([`${stem}.test.ts`, `${stem}/*.test.ts`]).toSorted();
  const named = Object.entries(others).flatMap(([path, tests]) => (file.startsWith(path) ? tests : []));
  return [...new Set([...mirrored, ...named])];
}
