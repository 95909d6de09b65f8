/** The processes of this machine, to see that none is left behind. */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Pids of a process and all that came of it. */
export async function family(pid: number | undefined): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  const all = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const members = [pid ?? 0];
  for (const member of members) members.push(...all.flatMap(([child, parent]) => (parent === member && child ? [child] : [])));
  return members;
}

/** Waits until none of the processes runs; those that still do after a while are the answer. */
export async function leftOf(pids: readonly number[]): Promise<number[]> {
  for (const end = Date.now() + 5_000; ; await sleep(50)) {
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,stat=']);
    const living = new Set(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .flatMap(([pid, state]) => (state?.startsWith('Z') ? [] : [Number(pid)])),
    );
    const left = pids.filter((pid) => living.has(pid));
    if (left.length === 0 || Date.now() > end) return left;
  }
}
