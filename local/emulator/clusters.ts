/**
 * The Aurora clusters of an emulator. It knows of each one what CloudFormation asked for, and runs none: a database of our PostgreSQL stands for it, made
 * when the first request comes. Whether a request may come in is decided by what was deployed: the cluster, its Data API, its database, and its secret.
 */
import { GetSecretValueCommand, ResourceNotFoundException, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { region } from '../aws/arns.ts';
import { type Clusters, checkDatabase, noCluster, noSecret, type Target, wrongSecret } from '../aws/data-api/clusters.ts';
import type { Postgres } from '../postgres/postgres.ts';

/** What the clusters stand on. */
export interface EmulatedClustersOptions {
  /** Address of the emulator. */
  endpoint: string;
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
export function emulatedClusters({ endpoint, secrets, postgres }: EmulatedClustersOptions): Clusters {
  const opened = new Map<string, Promise<string>>();

  const open = async (target: Target): Promise<string> => {
    const cluster = await describe(endpoint, target.resourceArn);
    if (!cluster) throw noCluster(target);
    const host = await hostOf(secrets, target);
    if (host !== undefined && host !== cluster.host) throw wrongSecret();
    checkDatabase(target, cluster.database);
    await postgres.createDatabase(cluster.id);
    return cluster.id;
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

/** Asks RDS, whose protocol is a form that is answered in XML, for a cluster with a Data API. */
async function describe(endpoint: string, arn: string): Promise<Cluster | undefined> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    // The scope of the signature is where an emulator reads the service's name.
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/rds/aws4_request, SignedHeaders=host, Signature=0` },
    body: new URLSearchParams({ Action: 'DescribeDBClusters', DBClusterIdentifier: arn, Version: '2014-10-31' }),
  });
  const xml = await answer.text();
  const member = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  const id = member('DbClusterResourceId');
  if (!answer.ok || id === undefined || member('HttpEndpointEnabled') !== 'true') return undefined;
  return { id, host: member('Endpoint') ?? '', database: member('DatabaseName') ?? '' };
}

const attachedSecret = z.object({ host: z.string().optional() });

/** Returns the host that a secret was attached to; undefined for an emulator that does not attach secrets. */
async function hostOf(secrets: SecretsManagerClient, target: Target): Promise<string | undefined> {
  try {
    const { SecretString = '{}' } = await secrets.send(new GetSecretValueCommand({ SecretId: target.secretArn }));
    return attachedSecret.parse(JSON.parse(SecretString)).host;
  } catch (error) {
    throw error instanceof ResourceNotFoundException ? noSecret(target) : error;
  }
}
