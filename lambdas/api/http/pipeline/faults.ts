/**
 * The one place where errors become answers. Errors written for clients keep their message; of everything else the client learns the class only, and
 * our log the rest.
 */
import { BadRequest, Conflict, Forbidden, NotFound } from '../../../../common/errors.ts';
import { DatabaseUnreachable } from '../../../shared/database.ts';
import { ServiceUnreachable } from '../../../shared/in-time.ts';
import { log } from '../../../shared/observation/invocation.ts';
import type { Middleware } from './exchange.ts';
import { type FaultBody, keystoneFault } from './fault-bodies.ts';
import { HttpError } from './http-error.ts';

const statuses = [
  [BadRequest, 400],
  [Forbidden, 403],
  [NotFound, 404],
  [Conflict, 409],
] as const;

/** A paused database resumes in about this time, in seconds; a service of AWS that throttles is over it by then, too. */
const retryAfter = '20';

/** Answers errors with the bodies of a service; 401 is Keystone's everywhere. */
export function faults(faultBody: FaultBody): Middleware {
  return {
    onError(request) {
      const { error } = request;
      const fault = toHttpError(error ?? new Error('an error without an error'));
      if (fault.status >= 500 && fault.status !== 501) log().error('the request failed', { error });
      const body = fault.status === 401 ? keystoneFault : faultBody;
      request.response = {
        statusCode: fault.status,
        headers: { 'Content-Type': 'application/json', ...fault.headers },
        body: JSON.stringify(body(fault.status, fault.message)),
      };
    },
  };
}

function toHttpError(error: Error): HttpError {
  if (error instanceof HttpError) return error;
  const [, status] = statuses.find(([kind]) => error instanceof kind) ?? [];
  if (status !== undefined) return new HttpError(status, error.message);
  if (error instanceof DatabaseUnreachable || error instanceof ServiceUnreachable) {
    return new HttpError(503, 'The service is temporarily unavailable. Please try again.', { 'Retry-After': retryAfter });
  }
  return new HttpError(
    500,
    `Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.\n<class '${error.name}'>`,
  );
}
