import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// The many processes that tests start find our code stripped of its types and compiled.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('.vitest/compiled', import.meta.url));

/** A deployment in an emulator, which is timed. */
const deployment = 'test/emulator/**/*.test.ts';

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
    maxWorkers: 2,
    silent: 'passed-only',
    // .ci/run counts from the file.
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.vitest/results.json' }]] : ['default'],
    projects: [
      {
        extends: true,
        test: {
          ...settings,
          name: 'cellzero',
          exclude: [deployment],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'deployment',
          include: [deployment],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          env: { TZ: 'UTC' },
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
