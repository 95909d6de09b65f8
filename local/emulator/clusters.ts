/**
 * The Aurora clusters of an emulator. It knows of each one what CloudFormation asked for, and runs none: a database of our PostgreSQL stands for it, made
 * when the first request comes. Whether a request may come in is decided by what was deployed: the cluster, its Data API, its database, and its secret.
 */
import { DBClusterNotFoundFault, DescribeDBClustersCommand, type RDSClient } from '@aws-sdk/client-rds';
import { GetSecretValueCommand, ResourceNotFoundException, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { type Clusters, checkDatabase, noCluster, noSecret, type Opened, type Target, wrongSecret } from '../aws/data-api/clusters.ts';
import type { Postgres } from '../postgres/postgres.ts';

/** What the clusters stand on. */
export interface EmulatedClustersOptions {
  rds: RDSClient;
  secrets: SecretsManagerClient;
  postgres: Postgres;
}

interface Cluster {
  /** Its own for ever: another cluster may get its name and its ARN after it. */
  id: string;
  host: string;
  database: string;
}

/** How long what was deployed is remembered, in milliseconds: a request asks for little of it more than once. */
const remembered = 1_000;

/** The clusters that an emulator has at any time. */
export function emulatedClusters({ rds, secrets, postgres }: EmulatedClustersOptions): Clusters {
  const opened = new Map<string, Promise<Opened>>();

  const open = async (target: Target): Promise<Opened> => {
    const cluster = await describe(rds, target.resourceArn);
    if (!cluster) throw noCluster(target);
    const { host, username, masterarn } = await readSecret(secrets, target);
    if (host !== undefined && host !== cluster.host) throw wrongSecret();
    checkDatabase(target, cluster.database);
    const database = await postgres.createDatabase(cluster.id);
    return { database, user: masterarn === undefined ? undefined : username };
  };

  return {
    clusterOf: async ({ resourceArn }) => resourceArn.slice(resourceArn.lastIndexOf(':') + 1),
    databaseOf(target) {
      const key = JSON.stringify(target);
      const known = opened.get(key);
      if (known) return known;
      const database = open(target);
      opened.set(key, database);
      const expire = () => setTimeout(() => opened.delete(key), remembered).unref();
      database.then(expire, expire);
      return database;
    },
  };
}

/** Asks RDS for a cluster with a Data API. */
async function describe(rds: RDSClient, arn: string): Promise<Cluster | undefined> {
  try {
    const { DBClusters: [found] = [] } = await rds.send(new DescribeDBClustersCommand({ DBClusterIdentifier: arn }));
    if (!found?.DbClusterResourceId || !found.HttpEndpointEnabled) return undefined;
    return { id: found.DbClusterResourceId, host: found.Endpoint ?? '', database: found.DatabaseName ?? '' };
  } catch (error) {
    if (error instanceof DBClusterNotFoundFault) return undefined;
    throw error;
  }
}

/** The host is the one that it was attached to, none in an emulator that does not attach secrets; only a service user's names the master's. */
const databaseSecret = z.object({ host: z.string().optional(), username: z.string(), masterarn: z.string().optional() });

async function readSecret(secrets: SecretsManagerClient, target: Target): Promise<z.infer<typeof databaseSecret>> {
  try {
    const { SecretString = '{}' } = await secrets.send(new GetSecretValueCommand({ SecretId: target.secretArn }));
    return databaseSecret.parse(JSON.parse(SecretString));
  } catch (error) {
    throw error instanceof ResourceNotFoundException ? noSecret(target) : error;
  }
}
