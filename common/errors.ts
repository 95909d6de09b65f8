/**
 * What can go wrong with a request, in the words of the domain. The message is written for the client; `cause` is for our logs only.
 * Which status and which fault body a class becomes is decided once, at the HTTP edge.
 */

/** An error whose message a client may read. */
export abstract class PublicError extends Error {}

/** The request is malformed or names something that cannot be used. */
export class BadRequest extends PublicError {
  override name = 'BadRequest';
}

/** The caller may not do this, or has no quota left for it. */
export class Forbidden extends PublicError {
  override name = 'Forbidden';
}

/** What the request is about does not exist, or not for this caller. */
export class NotFound extends PublicError {
  override name = 'NotFound';
}

/** The thing is in a state that does not allow this. */
export class Conflict extends PublicError {
  override name = 'Conflict';
}
