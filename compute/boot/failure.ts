/**
 * What a step of the workflow left behind when it failed. Step Functions passes the error's name and a cause; on AWS the cause is the JSON that Lambda
 * makes of an error, elsewhere it is the plain message.
 */
import * as z from 'zod';
import { storableText } from '../../database/data-api/storable-text.ts';
import { NoValidHost } from '../scheduler/no-valid-host.ts';
import { OwnershipLost } from './ownership-lost.ts';
import { SeveralServers } from './several-servers.ts';
import { CellsExhausted } from './try-another-cell.ts';

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

/** What an error knows beside its text; it goes through Step Functions as the last line of the message. */
const lastLine = z.object({ first_cause: z.string() });

/** Returns the error as a step throws it to the workflow, which keeps nothing of an error but its name and its message. */
export function handOn(error: unknown): unknown {
  if (!(error instanceof NoValidHost) || !error.report) return error;
  const { first_cause } = error.report;
  return new NoValidHost(`${error.message}\n${JSON.stringify({ first_cause } satisfies z.infer<typeof lastLine>)}`, { cause: error });
}

/**
 * Reads a caught error. Errors of ours speak for themselves in the first line of their message; of any other error the tenant learns its class only, as
 * in Nova.
 */
export function readFailure({ Error: name, Cause: cause }: CaughtError): Failure {
  const { errorType, errorMessage: message } = parse(lambdaCause, cause) ?? { errorType: name, errorMessage: cause };
  const data = parse(lastLine, message.slice(message.lastIndexOf('\n') + 1));
  // A reason must not keep a server from its end.
  const errorMessage = storableText(data ? message.slice(0, message.lastIndexOf('\n')) : message);
  const failure = { error: errorType, cause: data?.first_cause ?? errorType };
  if (!tenantReadableErrors.has(errorType)) return { ...failure, sentence: errorType, details: `${errorType}: ${errorMessage}` };
  return { ...failure, sentence: errorMessage.split('\n', 1)[0] ?? errorType, details: errorMessage };
}

/** Errors whose first line is written for the tenant. */
const tenantReadableErrors = new Set(['NoValidHost', 'ImageNotFound', 'BuildFailure', 'BuildAborted', 'MaxRetriesExceeded']);

/** Returns whether an error belongs to the life of a boot: its end is shown to the tenant, or another step goes on, or there is nothing left to do. All others are faults. */
export function isForeseen(error: unknown): boolean {
  return (
    error instanceof Error &&
    (tenantReadableErrors.has(error.name) || [OwnershipLost, SeveralServers, CellsExhausted].some((kind) => error instanceof kind))
  );
}

function parse<Content>(schema: z.ZodType<Content>, text: string): Content | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
