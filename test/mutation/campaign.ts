/**
 * Runs the tests nearest to a source file against each of its mutants. A mutant is caught when a test fails, or when the tests take much longer than
 * without it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Description, describe, mutate } from './mutant.ts';
import type { Failure, Order, Outcome } from './runner.ts';
import { typescriptMutants } from './typescript-mutants.ts';

/** Which file a mutant changes, and where. */
export interface Place extends Description {
  file: string;
}

/** How a mutant ended. */
export interface Result extends Place {
  /** `invalid` is SQL that PostgreSQL does not accept: no test is needed to find it, and it is not counted. */
  end: 'caught' | 'survived' | 'invalid';
  /** Which test noticed; `time` when the tests took too long. */
  by?: string;
  /** How the test failed. */
  message?: string;
}

/** The tests nearest to a file fail without any mutant. */
export class TestsFail extends Error {
  override name = 'TestsFail';
}

/** How much longer than without a mutant tests may take, in milliseconds and as a factor. */
const patience = { factor: 3, more: 10_000 };
/** How long tests may take without a mutant. */
const baselineLimit = 300_000;

/** Tries mutants, one after another. */
export interface Campaign {
  /**
   * Tries the mutants of a file.
   * @param tests paths of the test files, nearest first.
   * @param wanted which of them; all by default.
   * @throws TestsFail.
   */
  tryMutants(
    file: string,
    tests: readonly string[],
    progress: (result: Result) => void,
    wanted?: (place: Place) => boolean,
  ): Promise<Result[]>;
  /** Ends what the campaign has started. */
  stop(): Promise<void>;
}

/** Starts a campaign; nothing runs yet. */
export function startCampaign(): Campaign {
  const runner = createRunner();
  return {
    async tryMutants(file, tests, progress, wanted = () => true) {
      const text = readFileSync(file, 'utf8');
      const changes = typescriptMutants(file, text)
        .sort((a, b) => a.start - b.start || a.end - b.end)
        .filter((change) => wanted({ file, ...describe(text, change) }));
      if (changes.length === 0) return [];
      const begin = performance.now();
      const failure = await runner.run({ tests }, baselineLimit);
      if (failure === 'late') throw new TestsFail(`${file}: its tests take too long`);
      if (failure) throw new TestsFail(`${failure.file}: ${failure.test}: ${failure.message}`);
      const limit = (performance.now() - begin) * patience.factor + patience.more;
      const results: Result[] = [];
      for (const change of changes) {
        const outcome = await runner.run({ tests, mutated: { file, text: mutate(text, change) } }, limit);
        const result = { file, ...describe(text, change), ...verdictOf(outcome) };
        results.push(result);
        progress(result);
      }
      return results;
    },
    stop: runner.stop,
  };
}

function verdictOf(outcome: Outcome | 'late'): Pick<Result, 'end' | 'by' | 'message'> {
  if (outcome === undefined) return { end: 'survived' };
  if (outcome === 'late') return { end: 'caught', by: 'time' };
  const { file, test, message } = outcome;
  return { end: isInvalid(outcome) ? 'invalid' : 'caught', by: `${file}: ${test}`, message };
}

/** SQLSTATE class 42: the statement is no SQL, or names what is not there. */
function isInvalid({ message }: Failure): boolean {
  return /SQLState: 42/.test(message);
}

interface Runner {
  run(order: Order, limit: number): Promise<Outcome | 'late'>;
  stop(): Promise<void>;
}

/** A process for runs, started anew after one that was late. */
function createRunner(): Runner {
  let child: ChildProcess | undefined;
  const start = async () => {
    // A group of its own, so that the processes of its tests end with it.
    const started = fork(fileURLToPath(new URL('runner.ts', import.meta.url)), {
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child = started;
    await once(started, 'message');
    return started;
  };
  const kill = async () => {
    const ending = child;
    child = undefined;
    if (ending?.exitCode !== null || ending.signalCode !== null || ending.pid === undefined) return;
    process.kill(-ending.pid, 'SIGKILL');
    await once(ending, 'exit');
  };
  return {
    async run(order, limit) {
      const runner = child ?? (await start());
      const done = new AbortController();
      const late = sleep(limit, 'late' as const, { signal: done.signal });
      const ended = once(runner, 'exit', { signal: done.signal });
      const answer = once(runner, 'message', { signal: done.signal }) as Promise<[{ outcome: Outcome }]>;
      runner.send(order);
      try {
        const first = await Promise.race([late, answer, ended.then(() => Promise.reject(new Error('the tests ended their process')))]);
        if (first !== 'late') return first[0].outcome;
        await kill();
        return 'late';
      } finally {
        done.abort();
        await Promise.allSettled([late, ended, answer]);
      }
    },
    stop: kill,
  };
}
