/** Processes of `npm start` for the tests of a file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A process that starts or serves. */
export interface Started {
  child: ChildProcess;
  /** Resolves with the URL, or rejects when the process ends first. */
  ready: Promise<string>;
  /** Everything printed so far. */
  printed(): string;
  /** The exit code; null when a signal killed it. */
  ended: Promise<number | null>;
}

/** A folder of the test's own, and where a service keeps its data in it. */
export let temporary: string;
export let dataDir: string;
const started: Started[] = [];

/** Makes a folder for each test of a file, and ends what the test has started. */
export function startProcesses(): void {
  beforeEach(async () => {
    temporary = await mkdtemp('/tmp/cellzero-test-');
    // PostgreSQL runs as another user when we are root.
    await chmod(temporary, 0o755);
    dataDir = join(temporary, 'data');
  });

  afterEach(async () => {
    for (const { child, ended } of started.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    }
    await rm(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
}

/** Runs `npm start`, or what it stands for; it ends with the test. */
export function start(options: readonly string[], command = process.execPath, before: readonly string[] = ['local/start.ts']): Started {
  const child = spawn(command, [...before, ...options], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a process group of its own, as a shell starts it.
    detached: true,
  });
  let printed = '';
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const ready = new Promise<string>((resolve, reject) => {
    const read = (text: string) => {
      printed += text;
      const [, url] = /ready on (\S+)/.exec(printed) ?? [];
      if (url && printed.includes('Ctrl-C')) resolve(url);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    void ended.then(() => reject(new Error(`it ended without being ready: ${printed}`)));
  });
  ready.catch(() => {});
  const one = { child, ready, printed: () => printed, ended };
  started.push(one);
  return one;
}
