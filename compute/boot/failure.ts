/**
 * What a step of the workflow left behind when it failed. Step Functions passes the error's name and a cause; on AWS the cause is the JSON that Lambda
 * makes of an error, elsewhere it is the plain message.
 */
import * as z from 'zod';
import { OwnershipLost } from './ownership-lost.ts';

/** An error as the workflow's Catch hands it on. */
export interface CaughtError {
  Error: string;
  Cause: string;
}

/** A failure in two forms: in Nova's sentence for the tenant, in full for the admin. */
export interface Failure {
  /** The name of the error. */
  error: string;
  /** In one word that a machine can count: the scheduler's first cause, or the name of the error. */
  cause: string;
  sentence: string;
  details: string;
}

const lambdaCause = z.object({ errorType: z.string(), errorMessage: z.string() });

/**
 * Reads a caught error. Errors of ours speak for themselves in the first line of their message; of any other error the tenant learns its class only, as
 * in Nova.
 */
export function readFailure({ Error: name, Cause: cause }: CaughtError): Failure {
  const { errorType, errorMessage: message } = parseCause(cause) ?? { errorType: name, errorMessage: cause };
  // NUL and half a surrogate pair are no text of PostgreSQL, and a reason must not keep a server from its end.
  const errorMessage = message.replaceAll('\0', '').toWellFormed();
  const [, firstCause = errorType] = /First cause: ([^.\n]+)/.exec(errorMessage) ?? [];
  if (!tenantReadableErrors.has(errorType))
    return { error: errorType, cause: firstCause, sentence: errorType, details: `${errorType}: ${errorMessage}` };
  return { error: errorType, cause: firstCause, sentence: errorMessage.split('\n', 1)[0] ?? errorType, details: errorMessage };
}

/** Errors whose first line is written for the tenant. */
const tenantReadableErrors = new Set(['NoValidHost', 'BuildFailure', 'BuildAborted', 'MaxRetriesExceeded']);

/** Returns whether an error belongs to the life of a boot: its end is shown to the tenant, or there is nothing left to do. All others are faults. */
export function isForeseen(error: unknown): boolean {
  return error instanceof Error && (tenantReadableErrors.has(error.name) || error instanceof OwnershipLost);
}

function parseCause(cause: string): z.infer<typeof lambdaCause> | undefined {
  try {
    return lambdaCause.safeParse(JSON.parse(cause)).data;
  } catch {
    return undefined;
  }
}
