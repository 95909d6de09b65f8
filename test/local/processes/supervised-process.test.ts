import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { superviseProcess } from '../../../local/processes/supervised-process.ts';

test('a program that ignores the signals that stop it is stopped all the same, and its leftovers are removed', {
  timeout: 60_000,
}, async () => {
  const leftover = await mkdtemp(join(tmpdir(), 'cellzero-test-'));
  const ignores = ['/bin/sh', '-c', "trap '' INT QUIT; echo started >&2; while :; do sleep 1; done"];
  const program = superviseProcess(ignores, { signal: 'INT', leftover, log: 'pipe' });
  for await (const _ of program.log) break;
  await program.stop();
  expect(existsSync(leftover)).toBe(false);
});
