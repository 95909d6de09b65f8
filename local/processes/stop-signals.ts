/** How a process of ours ends when it is asked to: in its own order at the first signal, at once at the second. */

/** One Ctrl-C may arrive twice, from the terminal and passed on by npm; what comes later is meant. Milliseconds. */
const echo = 500;

/**
 * Runs `stop` at the first SIGINT or SIGTERM. Another one, if somebody loses patience, ends the process with the shell's code for the signal; PostgreSQL
 * then notices by itself.
 */
export function onStopSignal(stop: () => void): void {
  let first: number | undefined;
  const arrive = (code: number) => {
    if (first === undefined) {
      first = performance.now();
      stop();
    } else if (performance.now() - first > echo) process.exit(code);
  };
  process.on('SIGINT', () => arrive(130));
  process.on('SIGTERM', () => arrive(143));
}
