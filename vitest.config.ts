import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A file starts its own PostgreSQL; two at a time suit two cores.
    maxWorkers: 2,
    silent: 'passed-only',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Functions write through vitest's console, which is silent where all is well.
    env: { TZ: 'UTC', POWERTOOLS_DEV: 'true', POWERTOOLS_LOG_LEVEL: 'WARN' },
    // .ci/run counts from the file.
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.vitest/results.json' }]] : ['default'],
  },
});
