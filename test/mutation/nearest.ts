/** Which tests stand nearest to a source file: those of the same name in the mirrored tree, then those named here. */
import { globSync } from 'node:fs';

/** What is tried when nothing is named. */
export const campaign = ['compute/boot', 'compute/quotas', 'compute/scheduler', 'database/api'];

const api = 'test/lambdas/api';
const scheduler = 'test/compute/scheduler';
const servers = 'test/database/api/servers';

/** Tests of other names, by the beginning of a path; where a file has tests of its name, these are what they leave to others. */
const others: Readonly<Record<string, readonly string[]>> = {
  'compute/boot/build-on-host': ['test/compute/boot/build.test.ts'],
  'compute/boot/bury-in-cell0': ['test/compute/boot/burial.test.ts', 'test/compute/boot/steps.test.ts'],
  'compute/boot/create-in-cell': ['test/compute/boot/steps.test.ts'],
  'compute/boot/fail-in-cell': ['test/compute/boot/build.test.ts'],
  'compute/boot/reschedule': ['test/compute/boot/build.test.ts'],
  'compute/boot/schedule-servers': [`${scheduler}/schedule-servers.test.ts`, `${scheduler}/reasons.test.ts`],
  'compute/boot/try-another-cell': ['test/compute/boot/create-in-cell.test.ts'],
  'compute/quotas/quotas': [`${api}/compute/quota-sets/quota-sets.test.ts`],
  'compute/scheduler/': [`${scheduler}/filters.test.ts`, `${scheduler}/weighers.test.ts`],
  'compute/scheduler/no-valid-host': [`${scheduler}/reasons.test.ts`],
  'database/api/audit/': ['test/compute/audit/audit.test.ts', 'test/compute/audit/report.test.ts'],
  'database/api/flavors': [`${api}/compute/flavors/flavors.test.ts`],
  'database/api/hosts/allocations': [`${scheduler}/move-allocations.test.ts`],
  'database/api/hosts/host-mappings': ['test/database/api/hosts/hosts.test.ts'],
  'database/api/images': [`${api}/image/image.test.ts`],
  'database/api/projects': ['test/database/api/users.test.ts'],
  'database/api/reaper/unfinished-work': ['test/database/api/cells/pending-cleanups.test.ts'],
  'database/api/scheduler/': ['test/database/api/scheduler/scheduling-sql.test.ts', `${scheduler}/reasons.test.ts`],
  'database/api/server-groups': [`${servers}/accept-servers.test.ts`],
  'database/api/users': [`${api}/identity/identity.test.ts`],
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
