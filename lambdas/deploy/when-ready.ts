/** What runs while a stack deploys meets a cluster that was just made, or sleeps, and rights that were just granted: all take minutes to answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnreachable } from '../shared/database.ts';

/** In milliseconds; the functions have 10 minutes. */
const patience = 8 * 60_000;
const pause = 5_000;
/** The error of Secrets Manager as long as the function's rights are not in force. A database then counts as one that does not answer. */
const notYet = 'AccessDeniedException';

/**
 * Does a piece of work that may be done twice, again and again until everything it needs answers.
 * @throws the error of the work, or of what did not answer for 8 minutes.
 */
export async function whenReady<Result>(work: () => Promise<Result>): Promise<Result> {
  for (const giveUp = Date.now() + patience; ; await sleep(pause)) {
    try {
      return await work();
    } catch (error) {
      const later = error instanceof DatabaseUnreachable || (error instanceof Error && error.name === notYet);
      if (!later || Date.now() > giveUp) throw error;
    }
  }
}
