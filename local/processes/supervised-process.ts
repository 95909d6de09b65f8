/**
 * Programs that live no longer than this process: they stop when it says so, and also when it is killed, because the pipe that they hang on closes with
 * it. What they leave behind is removed after them.
 */
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';

/** A running program. */
export interface SupervisedProcess {
  /** What it says on standard error, unless that goes to a file. */
  readonly log: NodeJS.ReadableStream;
  /** Resolves when it has ended, with all that it started, and its leftovers are removed: with its exit code, then its signal. */
  readonly exited: Promise<readonly unknown[]>;
  /** Stops it. May be called twice. */
  stop(): Promise<void>;
}

/** How a program is run. */
export interface SupervisedProcessOptions extends Pick<SpawnOptions, 'uid' | 'gid' | 'cwd' | 'env'> {
  /** Signal that stops it. */
  signal: 'INT' | 'QUIT' | 'KILL';
  /** Folder that is removed after it. */
  leftover: string;
  /** `pipe` for the stream `log`, or the descriptor of a file for all it says. */
  log: 'pipe' | number;
}

/**
 * Runs the program as a child and waits for it or for the end of the pipe, which closes when the parent stops it and also when the parent is killed.
 * Then it ends what the program started and removes what is left over, though nobody may read it any more. A program that does not stop is made to, by
 * sharper signals: PostgreSQL that is asked to stop while it recovers from a crash may wait for ever, and loses nothing when it stops at once. Arguments: signal
 * that stops the program, folder to remove, the command.
 */
const watchdog = `
exec 3<&0
signal=$1; leftover=$2; shift 2
"$@" 3<&- </dev/null &
program=$!
( read -r _ <&3; kill -"$signal" $program; sleep 10; kill -QUIT $program; sleep 5; kill -KILL $program ) 2>/dev/null &
trap '' PIPE TERM
wait $program
status=$?
kill -TERM 0
rm -rf -- "$leftover"
exit $status
`;

/**
 * Runs a program in a session of its own, so that Ctrl-C in a terminal reaches us alone and we stop it in our order. The program alone does not keep this
 * process running.
 */
export function superviseProcess(
  command: readonly string[],
  { signal, leftover, log, ...options }: SupervisedProcessOptions,
): SupervisedProcess {
  const script = ['-c', watchdog, 'watchdog', signal, leftover, ...command];
  const child = spawn('/bin/sh', script, { ...options, detached: true, stdio: ['pipe', log === 'pipe' ? 'ignore' : log, log] });
  const exited = once(child, 'exit');
  child.unref();
  return {
    log: child.stderr ?? new PassThrough(),
    exited,
    async stop() {
      child.ref();
      child.stdin?.end();
      await exited;
    },
  };
}
