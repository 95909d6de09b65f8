/** One word for one thing: the words that docs/glossary.md replaced do not come back. */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is not used any more, and what is used instead. */
const replaced: readonly (readonly [RegExp, string])[] = [
  [/\b(told|tells?|telling|hears?)\b/i, 'reports, returns, shows, says'],
  [/\bgives?\b(?! up)/i, 'returns, releases'],
  [/\bwhoever\b/i, 'who'],
  [/\bin vain\b/i, 'without effect'],
  [/\bso many\b/i, 'at most N, a number of'],
  [/\brooms?\b/i, 'capacity, allocation'],
  [/\baim(At|ed)/, 'target cell'],
  [/\bhas the say\b/i, 'owner'],
  [/ServerGone/, 'OwnershipLost'],
  [/\bstrays?\b|\bhomeless\b|half-server/i, 'orphaned row, server without a cell, incomplete server'],
  [/cellWork|\bstruck\b|\bstrikes?\b/i, 'pending cleanup, complete; matched'],
  [/giveBack|\bg[ai]ve back\b|abandonCell/i, 'release'],
  [/\bobjections?\b|\bminds\b|turn(s|ed)? away/i, 'rejection, rejects'],
  [/\bsituation\b|\bsurroundings\b|\bdefeat\b/i, 'context, input'],
  [/\bjudg(es?|ed|ing)\b|\bsweeps?\b/i, 'check, scan'],
  [/\bleash|\bslots?\b|\blend\b|\bspoilt\b/i, 'supervised process, semaphore, acquire, tainted'],
  [/SchedulerBed|\bfurnish|\bgraves\b|\bcrowd\b|\bchapters?\b/i, 'scheduler fixture, addHosts, deleted servers, load, section'],
  [
    /Newcomer|ImageOrder|FlavorAdjustment|usualHost|\bflawless\b/,
    'NewUser, NewImageRequest, FlavorUpdate, defaultHostResources, noFailures',
  ],
  [/(?<!0003-)\bkey-pairs\b|\bssh-keys\b/, 'keypairs'],
  [/\bdrained\b/i, 'disabled'],
];

/** Migrations do not change once they have run; the glossary and this file name the words. */
const exempt = /^(database\/\w+\/migrations\/\d{4}|docs\/glossary\.md|test\/docs\/words\.test\.ts)/;

const files = globSync(
  ['{lambdas,compute,identity,image,common,database,infra,local,operator,test,docs}/**/*.{ts,md,json,py}', '*.{md,ts,mjs,json}', '.ci/run'],
  { cwd: root, exclude: ['**/node_modules/**', 'package-lock.json'] },
).filter((file) => !exempt.test(file));

test.each(replaced)('nothing says %s any more', (word, instead) => {
  const found = files.flatMap((file) =>
    readFileSync(`${root}${file}`, 'utf8')
      .split('\n')
      .flatMap((line, index) => (word.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(found, `use: ${instead}`).toEqual([]);
});

test('all files are read', () => {
  expect(files.length).toBeGreaterThan(400);
  expect(files).toEqual(expect.arrayContaining(['README.md', 'compute/boot/bury-in-cell0.ts', 'lambdas/workflows/boot/boot.asl.json']));
});
