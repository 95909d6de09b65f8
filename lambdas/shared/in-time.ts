/** Services of AWS that functions ask beside databases: each answers within seconds, or the function has time left to say that it did not. */
import { deadline } from '../../database/data-api/deadline.ts';

/** In milliseconds, over all sendings of the SDK. */
const patience = 8_000;

/** Returns the option with which a command of the SDK ends in time, by an AbortError. */
export function inTime(): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(Math.max(0, Math.floor(Math.min(patience, deadline() - Date.now())))) };
}
