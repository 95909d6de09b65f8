import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { entryPoints, writeBundle } from '../../infra/node-function.ts';

/** Bytes; a larger bundle makes a cold start slower. */
const limit = 500_000;

const entries = globSync('**/*.ts', { cwd: entryPoints }).filter((file) =>
  /^export (const|async function|function) handler\b/m.test(readFileSync(`${entryPoints}${file}`, 'utf8')),
);
/** Outside of the project, so that a bundle finds no package but what it holds. */
const folder = mkdtempSync(join(tmpdir(), 'cellzero-bundles-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('all functions are measured', () => {
  expect(entries).toEqual(expect.arrayContaining(['api/compute.ts', 'workflows/boot/bury-in-cell0.ts', 'deploy/migrate-database.ts']));
});

test.each(entries)('the bundle of %s is small and loads on its own', async (entry) => {
  const outfile = join(folder, `${entry.replaceAll('/', '-')}.mjs`);
  const warnings = writeBundle(entry, outfile);
  const { size } = statSync(outfile);
  console.info(`${entry}: ${size} bytes`);
  expect(warnings).toEqual([]);
  expect(size).toBeLessThanOrEqual(limit);
  const load = `const { handler } = await import(${JSON.stringify(outfile)}); process.stdout.write(typeof handler);`;
  expect(execFileSync('node', ['--input-type=module', '-e', load], { cwd: folder, encoding: 'utf8' })).toBe('function');
});
