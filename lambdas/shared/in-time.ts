/**
 * Services of AWS that functions ask beside databases. Each answers within seconds, or the function has time left to say that it did not; and whatever comes
 * back but what was asked for, throttling and a right that is missing too, means that it is to be asked again later.
 */
import { deadline } from '../../database/data-api/deadline.ts';

/** A service did not do what it was asked for. Worth another try later. */
export class ServiceUnreachable extends Error {
  override name = 'ServiceUnreachable';
}

/** In milliseconds, over all sendings of the SDK. */
const patience = 8_000;

/**
 * Sends a command of the SDK with the options that end it in time.
 * @throws ServiceUnreachable for every error of `send`.
 */
export async function inTime<T>(send: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
  const abortSignal = AbortSignal.timeout(Math.max(0, Math.floor(Math.min(patience, deadline() - Date.now()))));
  try {
    return await send({ abortSignal });
  } catch (cause) {
    throw new ServiceUnreachable(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause), { cause });
  }
}
