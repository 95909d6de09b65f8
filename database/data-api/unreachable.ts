/**
 * When a database has failed: whenever anything comes back but PostgreSQL's own answer to the statement. A list of errors to look out for would never be
 * complete; PostgreSQL's answer to a statement is known by its SQLSTATE alone.
 */

/** A database did not answer the statement: it is silent, down, out of reach, closed to us, or not migrated yet. Worth another try later. */
export class DatabaseUnreachable extends Error {
  override name = 'DatabaseUnreachable';
}

/** The database goes on with a statement whose call is over; nobody learns how it ends. */
export class StillRunning extends Error {
  override name = 'StillRunning';
}

/**
 * SQLSTATEs, or the classes they begin with, that speak of the database and not of the statement: no connection, read-only after a failover, no admission, no
 * such database, a table or a column that a later migration makes, no resources left, shut down or cancelled by someone, an error of its system.
 */
const ofDatabase = ['08', '25006', '28', '3D', '42P01', '42703', '53', '57', '58'];

/** Classes of SQLSTATEs with which PostgreSQL refuses what it is given, now and every time: the values, the constraints, the limits of a row. */
const refusals = ['22', '23', '54'];

/** Returns the SQLSTATE at the end of an error's message, where the Data API puts PostgreSQL's answer; undefined when there is none. */
export function sqlState({ name, message }: Pick<Error, 'name' | 'message'>): string | undefined {
  return name === 'DatabaseErrorException' ? /^.*\bSQLState: (\w{5})/s.exec(message)?.[1] : undefined;
}

/** Returns whether an error is PostgreSQL's answer to the statement. */
export function isAnswer(error: Error): boolean {
  const state = sqlState(error);
  return state !== undefined && !ofDatabase.some((prefix) => state.startsWith(prefix));
}

/** Returns whether an error is PostgreSQL's refusal of what it was given; the database is well, and the same statement will never succeed. */
export function isRefusal(error: Pick<Error, 'name' | 'message'>): boolean {
  const state = sqlState(error);
  return state !== undefined && refusals.includes(state.slice(0, 2));
}
