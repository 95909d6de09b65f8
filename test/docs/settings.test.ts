/** The table of Nova's options in docs/api.md is that of the code. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defaultSettings } from '../../compute/settings.ts';

test('docs/api.md has the options that can be set, with their defaults', () => {
  const text = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const table = text.slice(text.indexOf("| Nova's option | default |"), text.indexOf('Others have a counterpart'));
  const rows = [...table.matchAll(/^\| `(\w+)` \| (\S+) \|/gm)].map(([, name, value]) => [name, value]);
  expect(rows).toEqual(Object.entries(defaultSettings).map(([name, value]) => [name, String(value)]));
});
