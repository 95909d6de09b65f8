/** Tests with a gap: nobody asks at the edge of the limit. */
import { expect, test } from 'vitest';
import { grant } from './quota.ts';

test('what is far beyond the limit is not granted', () => {
  expect(grant(8, 10)).toBe(true);
  expect(grant(8, 10)).toBe(false);
});
