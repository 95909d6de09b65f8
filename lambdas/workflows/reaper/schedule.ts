/**
 * A scheduled reap: an execution that waits and then runs the reaper. A request that is about to begin what may stop half-way schedules one first, so nothing
 * is ever left without a reaper that finishes it, and no reaper runs when nothing was begun: databases sleep. There is one for each minute at most, by
 * its name.
 */
import { setting } from '../../shared/environment.ts';
import { startExecution } from '../../shared/step-functions.ts';

/** Longer than a request may still run before what it begins, and what it begins may then be silent; in seconds. */
const afterRequest = 240;
const afterReaper = 60;

let scheduled = '';

/**
 * Makes sure that the reaper runs after what this request begins now.
 * @throws ServiceUnreachable when Step Functions does not take it; then nothing may be begun.
 */
export async function scheduleReaper(): Promise<void> {
  const minute = thisMinute();
  if (minute === scheduled) return;
  await startExecution(setting('REAPER_STATE_MACHINE'), `reap-${minute}`, { seconds: afterRequest });
  scheduled = minute;
}

/** Makes sure that the reaper runs again, because it left something undone. */
export async function scheduleReaperAgain(): Promise<void> {
  await startExecution(setting('REAPER_STATE_MACHINE'), `reap-again-${thisMinute()}`, { seconds: afterReaper });
}

/** Such as `2026-01-31T2359`; a name of an execution holds no colon. */
function thisMinute(): string {
  return new Date().toISOString().slice(0, 16).replace(':', '');
}
