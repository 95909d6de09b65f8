/** Which database of the one PostgreSQL a request of the Data API means, and whether its secret opens it. */

import { clusterArn, databaseName, secretArn } from '../arns.ts';
import { dataApiError } from './errors.ts';

/** The members of every request that say where it goes. */
export interface Target {
  readonly resourceArn: string;
  readonly secretArn: string;
  readonly database?: string | undefined;
}

/** Databases of the one PostgreSQL by name of the cluster they stand for. May change while in use. */
export type Clusters = ReadonlyMap<string, string>;

const prefix = clusterArn('');
const secretPrefix = secretArn('');

/**
 * Gives the name of the cluster.
 * @throws AwsError (BadRequestException) when it does not exist.
 */
export function clusterOf({ resourceArn }: Target, clusters: Clusters): string {
  const name = resourceArn.startsWith(prefix) ? resourceArn.slice(prefix.length) : '';
  if (!clusters.has(name)) throw dataApiError('BadRequestException', `HttpEndpoint is not enabled for resource ${resourceArn}`);
  return name;
}

/**
 * Opens the database a request names.
 * @throws AwsError (SecretsErrorException, DatabaseErrorException) when the secret is unknown, opens another cluster, or the database is not there.
 */
export function databaseOf(target: Target, cluster: string, clusters: Clusters): string {
  const secret = target.secretArn.startsWith(secretPrefix) ? target.secretArn.slice(secretPrefix.length) : '';
  if (!clusters.has(secret)) throw dataApiError('SecretsErrorException', `The secret ${target.secretArn} was not found.`);
  if (secret !== cluster) {
    throw dataApiError('DatabaseErrorException', 'FATAL: password authentication failed for user "postgres"; SQLState: 28P01');
  }
  // Without a name PostgreSQL takes the user's, and no such database exists.
  const database = target.database ?? 'postgres';
  const found = clusters.get(cluster);
  if (database !== databaseName || found === undefined) {
    throw dataApiError('DatabaseErrorException', `FATAL: database "${database}" does not exist; SQLState: 3D000`);
  }
  return found;
}
