/**
 * PostgreSQL's answer that it does not take what it is given: the database is well and the same statement will never succeed. SQLSTATE's classes 22 (the
 * values), 23 (the constraints) and 54 (the limits of a row).
 */
const refusals = /SQLState: (?:22|23|54)/;

/** Returns whether an error with this message is such an answer. */
export function isRefusal(message: string): boolean {
  return refusals.test(message);
}
