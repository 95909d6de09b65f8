import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

/** Returns a file of a bundle and all that it imports before it runs. */
function loadedAtOnce(file: string, loaded = new Set<string>()): Set<string> {
  loaded.add(file);
  for (const [, other = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import)"\.\/([\w-]+\.mjs)"/g)) {
    const path = join(dirname(file), other);
    if (!loaded.has(path)) loadedAtOnce(path, loaded);
  }
  return loaded;
}

test('all functions are measured', () => {
  expect(entries).toEqual(expect.arrayContaining(['api/compute.ts', 'workflows/boot/bury-in-cell0.ts', 'deploy/migrate-database.ts']));
});

test.each(entries)('the bundle of %s is small and loads on its own', async (entry) => {
  const outdir = join(folder, entry.replaceAll('/', '-'));
  mkdirSync(outdir);
  const warnings = writeBundle(entry, outdir);
  const outfile = join(outdir, 'index.mjs');
  const size = [...loadedAtOnce(outfile)].reduce((sum, file) => sum + statSync(file).size, 0);
  console.info(`${entry}: ${size} bytes`);
  expect(warnings).toEqual([]);
  expect(size).toBeLessThanOrEqual(limit);
  const load = `const { handler } = await import(${JSON.stringify(outfile)}); process.stdout.write(typeof handler);`;
  expect(execFileSync('node', ['--input-type=module', '-e', load], { cwd: folder, encoding: 'utf8' })).toBe('function');
});

test('the migrations of a bundle are those of the source, to the letter: what has run is known by its checksum', () => {
  const outdir = join(folder, 'migrations');
  mkdirSync(outdir);
  writeBundle('deploy/migrate-database.ts', outdir);
  const bundle = readFileSync(join(outdir, 'index.mjs'), 'utf8');
  for (const text of [
    '\n-- The global index of servers',
    'create table instances (\n  id bigint generated always as identity primary key,',
  ]) {
    expect(bundle).toContain(text);
  }
});
