/**
 * A scheduled reap: an execution that waits and then runs the reaper. A request that is about to begin what may stop half-way schedules one first, so nothing
 * is ever left without a reaper that finishes it, and no reaper runs when nothing was begun: databases sleep. A reaper that leaves something for later
 * schedules the next for the time when the first of it is due, however far that is. There are at most two for each minute, by their names.
 */
import { setting } from '../../shared/environment.ts';
import { startExecution } from '../../shared/step-functions.ts';

/** A step keeps trying for some two minutes (its Lambda's time and the workflow's retries) before it ends or sends a heartbeat; in seconds. */
export const silence = 180;
/** Longer than a request may still run before what it begins, and what it begins may then be silent; in seconds. */
const afterRequest = 240;
/** An execution lasts a year at most; this leaves time for a reaper that fails at first. In seconds. */
const longestWait = 300 * 86_400;

let scheduled = '';

/**
 * Makes sure that the reaper runs after what this request begins now. What anyone notes that is due earlier than the reaps that wait is noted within such a
 * request, or by a boot, whose own due time a reap waits for.
 * @throws ServiceUnreachable when Step Functions does not take it; then nothing may be begun.
 */
export async function scheduleReaper(): Promise<void> {
  const minute = minuteOf(Date.now());
  if (minute === scheduled) return;
  await startReap(`reap-${minute}`, afterRequest);
  scheduled = minute;
}

/**
 * Makes sure that the reaper runs again for what it left: at the end of the minute in which the first of it is due, and not in this one.
 * @param dueIn in seconds; what is overdue is tried again in the next minute.
 */
export async function scheduleReaperAgain(dueIn: number): Promise<void> {
  const now = Date.now();
  const due = now + Math.min(Math.max(dueIn, 60), longestWait) * 1_000;
  const end = Math.ceil(due / 60_000) * 60_000;
  await startReap(`reap-at-${minuteOf(end)}`, Math.ceil((end - now) / 1_000));
}

function startReap(name: string, seconds: number): Promise<void> {
  return startExecution(setting('REAPER_STATE_MACHINE'), name, { version: 1, seconds });
}

/** Such as `2026-01-31T2359`; a name of an execution holds no colon. */
function minuteOf(time: number): string {
  return new Date(time).toISOString().slice(0, 16).replace(':', '');
}
