/** What only the HTTP edge can find wrong with a request; the domain's own errors are in common/errors.ts. */
import { PublicError } from '../../../../common/errors.ts';

/** An error with its status, and headers to send with it. The message is for the client. */
export class HttpError extends PublicError {
  override name = 'HttpError';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The answer to a path that there is not, or not in this microversion. */
export function notFound(): HttpError {
  return new HttpError(404, 'The resource could not be found.');
}

/** The answer to what the service whose API this is has, and this one has not. */
export function notImplemented(): HttpError {
  return new HttpError(501, 'The requested functionality is not supported.');
}

/** The answer of a service that says no more than that it does not serve this. */
export function malformed(): HttpError {
  return new HttpError(400, 'The server could not comply with the request since it is either malformed or otherwise incorrect.');
}

/** The answer to what the service whose API this is has taken away for good. */
export function gone(): HttpError {
  return new HttpError(410, 'This resource is no longer available.  No forwarding address is given.');
}

/** The answer to a missing, expired or forged token, in the words of Keystone's middleware. */
export function unauthorized(baseUrl: string): HttpError {
  return new HttpError(401, 'The request you have made requires authentication.', {
    'WWW-Authenticate': `Keystone uri="${baseUrl}/identity"`,
  });
}
