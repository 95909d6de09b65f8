/** Which database of the one PostgreSQL a request of the Data API means, and whether its secret opens it. */

import { clusterArn, databaseName, masterSecretArn, secretArn, serviceUser } from '../arns.ts';
import { dataApiError } from './errors.ts';

/** The members of every request that say where it goes. */
export interface Target {
  readonly resourceArn: string;
  readonly secretArn: string;
  readonly database?: string | undefined;
}

/** A database of the one PostgreSQL, and who a request is there by its secret. */
export interface Opened {
  readonly database: string;
  /** undefined for the master, who may do everything. */
  readonly user: string | undefined;
}

/** The clusters that there are. What a request is refused with is Aurora's own error. */
export interface Clusters {
  /**
   * Returns the name of the cluster that a request means, as faults and the call log know it.
   * @throws AwsError (BadRequestException) when it does not exist.
   */
  clusterOf(target: Target): Promise<string>;
  /**
   * Opens the database that a request means.
   * @throws AwsError (SecretsErrorException, DatabaseErrorException) when the secret is unknown, opens another cluster, or the database is not there.
   */
  databaseOf(target: Target): Promise<Opened>;
}

/** The error of a request to something that is no cluster, or none with a Data API. */
export const noCluster = ({ resourceArn }: Target) =>
  dataApiError('BadRequestException', `HttpEndpoint is not enabled for resource ${resourceArn}`);

/** The error of a request with a secret that is not there. */
export const noSecret = (target: Target) => dataApiError('SecretsErrorException', `The secret ${target.secretArn} was not found.`);

/** The error of a request with the secret of something else. */
export const wrongSecret = () =>
  dataApiError('DatabaseErrorException', 'FATAL: password authentication failed for user "postgres"; SQLState: 28P01');

/**
 * Checks the name of the database that a request means. Without one PostgreSQL takes the user's, and no such database exists.
 * @throws AwsError (DatabaseErrorException) when the cluster has no such database.
 */
export function checkDatabase({ database = 'postgres' }: Target, existing: string | undefined): void {
  if (database !== existing) throw dataApiError('DatabaseErrorException', `FATAL: database "${database}" does not exist; SQLState: 3D000`);
}

const prefix = clusterArn('');

/** The clusters of a local service: their databases by their names. The map may change while in use. */
export function localClusters(databases: ReadonlyMap<string, string>): Clusters {
  const nameIn = (target: Target): string => {
    const name = target.resourceArn.startsWith(prefix) ? target.resourceArn.slice(prefix.length) : '';
    if (!databases.has(name)) throw noCluster(target);
    return name;
  };
  return {
    clusterOf: async (target) => nameIn(target),
    async databaseOf(target) {
      const cluster = nameIn(target);
      const asked = [...databases.keys()].find((name) => [secretArn(name), masterSecretArn(name)].includes(target.secretArn));
      if (asked === undefined) throw noSecret(target);
      if (asked !== cluster) throw wrongSecret();
      checkDatabase(target, databaseName);
      const user = target.secretArn === secretArn(cluster) ? serviceUser(cluster) : undefined;
      return { database: databases.get(cluster) ?? '', user };
    },
  };
}
