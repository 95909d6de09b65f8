/**
 * The watch: an execution that waits and then runs the reaper. Whoever is about to begin what may stop half-way starts one first, so nothing is ever left
 * without somebody who looks after it, and nobody looks when nothing was begun: databases sleep. There is one for each minute at most, by its name.
 */
import { setting } from '../../shared/environment.ts';
import { startExecution } from '../../shared/step-functions.ts';

/** Longer than a request may still run before what it begins, and what it begins may then be silent; in seconds. */
const afterRequest = 240;
const afterReaper = 60;

let watched = '';

/**
 * Makes sure that the reaper looks after what this request begins now.
 * @throws the SDK's error when Step Functions does not take it; then nothing may be begun.
 */
export async function watchRequest(): Promise<void> {
  const minute = thisMinute();
  if (minute === watched) return;
  await startExecution(setting('WATCH_STATE_MACHINE'), `watch-${minute}`, { seconds: afterRequest });
  watched = minute;
}

/** Makes sure that the reaper comes again, because it left something undone. */
export async function watchOn(): Promise<void> {
  await startExecution(setting('WATCH_STATE_MACHINE'), `watch-on-${thisMinute()}`, { seconds: afterReaper });
}

/** Such as `2026-01-31T2359`; a name of an execution holds no colon. */
function thisMinute(): string {
  return new Date().toISOString().slice(0, 16).replace(':', '');
}
