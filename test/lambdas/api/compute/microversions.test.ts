/** The history of microversions says what its numbers do, and nothing else in the code does by a number. */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { expect, test } from 'vitest';
import { changes, findMicroversion, latest, microversions, oldest } from '../../../../lambdas/api/compute/microversions.ts';

const root = new URL('../../../../', import.meta.url).pathname;
const folder = `${root}lambdas/api/compute/`;
const sources = [...globSync('*/*.ts', { cwd: folder }).map((file) => `${folder}${file}`), `${root}database/servers/columns.ts`].map(
  (file) => ({
    resource: basename(dirname(file)),
    source: readFileSync(file, 'utf8'),
  }),
);

test('a microversion has what came with it and before, at the edge', () => {
  expect([String(oldest), String(latest), microversions.length]).toEqual(['2.1', '2.100', 100]);
  expect([findMicroversion('2.62'), findMicroversion('2.63')].map((each) => each?.has('trustedCertificates'))).toEqual([false, true]);
  expect(['2.0', '2.101', '3.1', '2.01', 'latest'].map(findMicroversion)).toEqual(Array(5).fill(undefined));
});

test('each change has a microversion of its own, in their order, that is served', () => {
  const versions = Object.values(changes).map(({ version }) => version);
  expect(versions).toEqual([...new Set(versions)].toSorted((one, other) => one - other));
  for (const version of versions) expect(findMicroversion(`2.${version}`), String(version)).toBeDefined();
});

test.each(Object.entries(changes))('%s is asked for where the history says, and nowhere else', (name, { what, where }) => {
  const asking = sources.filter(({ source }) => source.includes(`'${name}'`)).map(({ resource }) => resource);
  expect([...new Set(asking)].toSorted()).toEqual(where.toSorted());
  expect(what).not.toBe('');
});

test('a number cannot be compared with a microversion', () => {
  // @ts-expect-error This is what keeps bare numbers out of the code.
  const compared = latest >= 75;
  expect(compared).toBe(false);
});
