/**
 * The Aurora clusters of an emulator. It knows of each one what CloudFormation was told, and runs none: a database of our PostgreSQL stands for it, made
 * when the first request comes. Whether a request may come in is decided by what was deployed: the cluster, its Data API, its database, and its secret.
 */
import { GetSecretValueCommand, ResourceNotFoundException, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { region } from '../arns.ts';
import { type Clusters, checkDatabase, noCluster, noSecret, type Target, wrongSecret } from '../data-api/clusters.ts';
import type { Postgres } from '../postgres.ts';

/** What the clusters stand on. */
export interface EmulatedClustersOptions {
  /** Address of the emulator. */
  endpoint: string;
  secrets: SecretsManagerClient;
  postgres: Postgres;
}

interface Cluster {
  name: string;
  host: string;
  database: string;
}

/** The clusters that an emulator has at any time. */
export function emulatedClusters({ endpoint, secrets, postgres }: EmulatedClustersOptions): Clusters {
  const opened = new Map<string, Promise<string>>();

  const find = async (target: Target): Promise<Cluster> => {
    const cluster = await describe(endpoint, target.resourceArn);
    if (!cluster) throw noCluster(target);
    return cluster;
  };

  const open = async (target: Target): Promise<string> => {
    const { name, host, database } = await find(target);
    const opens = await hostOf(secrets, target);
    if (opens !== undefined && opens !== host) throw wrongSecret();
    checkDatabase(target, database);
    await postgres.createDatabase(name);
    return name;
  };

  return {
    clusterOf: async ({ resourceArn }) => resourceArn.slice(resourceArn.lastIndexOf(':') + 1),
    databaseOf(target) {
      const key = JSON.stringify(target);
      const database = opened.get(key) ?? open(target);
      opened.set(key, database);
      // What was refused may be there next time.
      database.catch(() => opened.delete(key));
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
  const name = member('DBClusterIdentifier');
  if (!answer.ok || name === undefined || member('HttpEndpointEnabled') !== 'true') return undefined;
  return { name, host: member('Endpoint') ?? '', database: member('DatabaseName') ?? '' };
}

const attachedSecret = z.object({ host: z.string().optional() });

/** Gives the host that a secret was attached to; undefined for an emulator that does not attach secrets. */
async function hostOf(secrets: SecretsManagerClient, target: Target): Promise<string | undefined> {
  try {
    const { SecretString = '{}' } = await secrets.send(new GetSecretValueCommand({ SecretId: target.secretArn }));
    return attachedSecret.parse(JSON.parse(SecretString)).host;
  } catch (error) {
    throw error instanceof ResourceNotFoundException ? noSecret(target) : error;
  }
}
