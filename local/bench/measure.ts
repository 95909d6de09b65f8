/** Measuring: how long, how often, how much memory. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Milliseconds that calls took. */
export interface Timing {
  p50: number;
  p99: number;
}

/** Runs something `count` times, one after the other, and returns how long it took. The first runs warm up and do not count. */
export async function time(runs: number, run: (index: number) => Promise<unknown>, warmUp = 5): Promise<Timing> {
  const took: number[] = [];
  for (let index = 0; index < runs + warmUp; index++) {
    const start = performance.now();
    await run(index);
    if (index >= warmUp) took.push(performance.now() - start);
  }
  return quantiles(took);
}

/** Returns median and 99th percentile. */
export function quantiles(values: readonly number[]): Timing {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Runs something `count` times with a number of clients at once and returns how often a second it was done. */
export async function rate(runs: number, clients: number, run: () => Promise<unknown>): Promise<number> {
  let left = runs;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (left-- > 0) await run();
    }),
  );
  return (runs / (performance.now() - start)) * 1_000;
}

/**
 * Returns the processes below a process, itself included, and the memory they take together, in MiB. Where the system says (Linux), pages that processes
 * share count once (PSS); elsewhere they count for each (RSS).
 */
export function memory(pid: number): { processes: number; mebibytes: number } {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,rss='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = new Set([pid]);
  for (let size = 0; size < below.size; ) {
    size = below.size;
    for (const [id = 0, parent = 0] of rows) if (below.has(parent)) below.add(id);
  }
  const kibibytes = rows.filter(([id = 0]) => below.has(id)).reduce((sum, [id = 0, , rss = 0]) => sum + (proportional(id) ?? rss), 0);
  return { processes: below.size, mebibytes: kibibytes / 1_024 };
}

function proportional(pid: number): number | undefined {
  try {
    const [, kibibytes] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes);
  } catch {
    return undefined;
  }
}
