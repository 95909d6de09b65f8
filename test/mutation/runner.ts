/**
 * A process that keeps vitest warm and runs test files against one mutant after another. A mutant replaces its file on the way through Vite, so the
 * working tree is never touched. The process that started this one ends it when a mutant takes too long.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVitest, type TestModule } from 'vitest/node';
import { settings } from '../../vitest.config.ts';

/** What to run. */
export interface Order {
  /** Paths of test files from the root of the project, nearest first; the first that fails ends the run. */
  tests: readonly string[];
  /** A file with another text; without one, the tests run as they are. */
  mutated?: { file: string; text: string };
}

/** What came of it: undefined when all tests passed. */
export type Outcome = Failure | undefined;

/** The first test that failed. */
export interface Failure {
  /** Path of the test file, from the root of the project. */
  file: string;
  /** Name of the test; of the file when it failed as a whole. */
  test: string;
  message: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
let current: Order['mutated'];
const vitest = await createVitest(
  'test',
  // Vitest's own cache on disk would return the file as it was.
  { ...settings, root, config: false, fsModuleCache: false, watch: false, bail: 1, maxWorkers: 1, reporters: [{}], silent: true },
  {
    plugins: [
      {
        name: 'mutant',
        enforce: 'pre',
        transform: (_, id) => (current && id === join(root, current.file) ? { code: current.text, map: null } : undefined),
      },
    ],
  },
);

process.on('message', async (order: Order) => process.send?.({ outcome: await run(order) }));
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.send?.('ready');

async function run({ tests, mutated }: Order): Promise<Outcome> {
  const before = current;
  current = mutated;
  for (const each of [before, mutated]) if (each) vitest.invalidateFile(join(root, each.file));
  for (const test of tests) {
    const [specification] = await vitest.globTestSpecifications([join(root, test)]);
    if (!specification) return { file: test, test: 'all', message: 'there is no such file' };
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications([specification]);
    // Vitest reports earlier files, too.
    const module = testModules.find(({ moduleId }) => moduleId === specification.moduleId);
    if (!module?.ok()) return { file: test, ...failureOf(module) };
    if (unhandledErrors.length > 0) return { file: test, test, message: String(unhandledErrors[0]) };
  }
  return undefined;
}

function failureOf(module: TestModule | undefined): Pick<Failure, 'test' | 'message'> {
  if (!module) return { test: 'all', message: 'did not run' };
  const [error] = module.errors();
  if (error) return { test: module.relativeModuleId, message: error.message };
  for (const test of module.children.allTests('failed')) return { test: test.fullName, message: test.result().errors?.[0]?.message ?? '' };
  for (const suite of module.children.allSuites()) for (const { message } of suite.errors()) return { test: suite.fullName, message };
  return { test: module.relativeModuleId, message: 'did not run' };
}
