/** The Data API's errors: their names, their statuses, and which of them an error of PostgreSQL becomes. */

import { DatabaseError } from 'pg';
import { AwsError } from '../server.ts';
import { type BoundStatement, MissingParameter, positionInSource, type Statement } from './statement.ts';

/** Statuses by name, from the service's model. */
const statuses = {
  AccessDeniedException: 403,
  BadRequestException: 400,
  DatabaseErrorException: 400,
  DatabaseNotFoundException: 404,
  DatabaseResumingException: 400,
  DatabaseUnavailableException: 504,
  ForbiddenException: 403,
  HttpEndpointNotEnabledException: 400,
  InternalServerErrorException: 500,
  InvalidResourceStateException: 400,
  InvalidSecretException: 400,
  NotFoundException: 404,
  SecretsErrorException: 400,
  ServiceUnavailableError: 503,
  StatementTimeoutException: 400,
  TransactionNotFoundException: 404,
  UnsupportedResultException: 400,
} as const;

/** Names of the errors the Data API answers with. */
export type DataApiErrorName = keyof typeof statuses;

/** An error under one of the Data API's names, with that name's status. */
export function dataApiError(name: DataApiErrorName, message: string, details: Readonly<Record<string, unknown>> = {}): AwsError {
  return new AwsError(name, message, statuses[name], details);
}

const timedOut = 'canceling statement due to statement timeout';
const manyStatements = 'cannot insert multiple commands into a prepared statement';

/** The answer to a statement that ran longer than a call lasts. */
export function statementTimeout(connection: number | undefined): AwsError {
  return dataApiError('StatementTimeoutException', 'Request timed out', { dbConnectionId: connection });
}

/**
 * Says in the Data API's words what went wrong with a statement.
 * @param connection process id of the server's end, for timeouts.
 */
export function fromPostgres(error: unknown, statement?: Statement, bound?: BoundStatement, connection?: number): Error {
  if (error instanceof AwsError) return error;
  if (error instanceof MissingParameter) return dataApiError('BadRequestException', error.message);
  if (!(error instanceof DatabaseError)) {
    return dataApiError('DatabaseUnavailableException', error instanceof Error ? error.message : String(error));
  }
  if (error.message === timedOut) return statementTimeout(connection);
  if (error.message === manyStatements) return dataApiError('BadRequestException', "Multistatements aren't supported.");
  const position = Number(error.position ?? 0);
  const parts = [
    `${error.severity ?? 'ERROR'}: ${error.message}`,
    error.detail && `Detail: ${error.detail}`,
    error.hint && `Hint: ${error.hint}`,
    position > 0 && `Position: ${statement && bound ? positionInSource(statement, bound, position) : position}`,
    `SQLState: ${error.code}`,
  ];
  return dataApiError('DatabaseErrorException', parts.filter(Boolean).join('; '));
}
