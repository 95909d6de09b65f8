import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// The many processes that tests start find our code stripped of its types and compiled.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('.vitest/compiled', import.meta.url));

/** A deployment in an emulator: `npm run deployment`. */
const deployment = 'test/emulator/**/*.test.ts';

/** Suites that take minutes, each with a command of its own, by its name: `npm run terraform` builds a provider first. */
const suites = {
  scenarios: 'test/scenarios/{disturbed,interleavings,properties,secrets}/**/*.test.ts',
  routes: 'test/lambdas/api/{authorization,integers,sent-twice}.test.ts',
  operator: 'test/operator/**/*.test.ts',
  tempest: 'test/tempest/**/*.test.ts',
  terraform: 'test/terraform/**/*.test.ts',
};

/** What takes longest; a file that is begun last and takes minutes leaves the other cores idle. */
const longest = [
  'test/scenarios/disturbed/',
  'test/local/start',
  'test/operator/cell-v2',
  'test/scenarios/properties/',
  'test/compute/audit/',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => [...longest, ''].findIndex((path) => moduleId.includes(path));
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

/** How tests run, in a campaign too. */
export const settings = {
  include: ['test/**/*.test.ts'],
  globalSetup: 'test/fixtures/postgres-of-the-run.ts',
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // Functions write through vitest's console, which is silent where all is well.
  env: { TZ: 'UTC', POWERTOOLS_DEV: 'true', POWERTOOLS_LOG_LEVEL: 'WARN' },
};

export default defineConfig({
  test: {
    // One more than cores where CI runs: many tests wait for time-outs and for processes.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    silent: 'passed-only',
    // .ci/run counts from the file.
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.vitest/results.json' }]] : ['default'],
    projects: [
      {
        extends: true,
        test: {
          ...settings,
          name: 'cellzero',
          exclude: [deployment, ...Object.values(suites)],
        },
      },
      ...Object.entries(suites).map(([name, include]) => ({
        extends: true as const,
        test: { ...settings, name, include: [include], testTimeout: 120_000 },
      })),
      {
        extends: true,
        test: {
          name: 'deployment',
          include: [deployment],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          env: { TZ: 'UTC' },
        },
      },
    ],
  },
});
