/** A campaign over a sample whose tests have a gap. */
import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { startCampaign } from './campaign.ts';
import { nearestTests } from './nearest.ts';
import { inSample } from './sampling.ts';

const file = 'test/mutation/sample/quota.ts';
const campaign = startCampaign();
afterAll(() => campaign.stop());

test('what the nearest tests do not notice survives, the rest names the test that did, and the file stays as it is', async () => {
  const before = readFileSync(file, 'utf8');
  const tests = ['test/mutation/sample/quota.test.ts'];
  const results = await campaign.tryMutants(file, tests, () => undefined);
  const by = `${tests[0]}: what is far beyond the limit is not granted`;
  expect(results.map(({ line, change, end, by }) => ({ line, change, end, by }))).toEqual([
    { line: 7, change: '+= → -=', end: 'caught', by },
    { line: 8, change: 'sum > limit → true', end: 'caught', by },
    { line: 8, change: 'sum > limit → false', end: 'caught', by },
    { line: 8, change: '> → >=', end: 'survived', by: undefined },
    { line: 8, change: 'false → true', end: 'caught', by },
    { line: 9, change: 'granted.push(asked); → (nothing)', end: 'caught', by },
    { line: 10, change: 'true → false', end: 'caught', by },
  ]);
  expect(readFileSync(file, 'utf8')).toBe(before);
});

test('a sample is always the same part, and of all of them nothing is left out', () => {
  const places = Array.from({ length: 400 }, (_, line) => ({ file, line, source: `limit(${line});`, change: '1 → 2' }));
  const sample = places.filter(inSample(4));
  expect(sample.length).toBeGreaterThan(70);
  expect(sample.length).toBeLessThan(130);
  expect(places.filter(inSample(4))).toEqual(sample);
  expect(places.filter(inSample(1))).toEqual(places);
});

test('only what is wanted is tried', async () => {
  const results = await campaign.tryMutants(
    file,
    ['test/mutation/sample/quota.test.ts'],
    () => undefined,
    ({ line }) => line === 9,
  );
  expect(results).toMatchObject([{ line: 9, end: 'caught', message: 'expected true to be false // Object.is equality' }]);
});

test('without a mutant the tests must pass', async () => {
  await expect(campaign.tryMutants(file, ['test/mutation/sample/none.test.ts'], () => undefined)).rejects.toThrow(
    'none.test.ts: all: there is no such file',
  );
});

test('tests of the same name in the mirrored tree are the nearest', () => {
  expect(nearestTests('compute/archive/archive.ts')[0]).toBe('test/compute/archive/archive.test.ts');
});
