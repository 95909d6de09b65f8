/**
 * Reaching the databases of a deployment on this machine from another process. While it runs, it says itself how; otherwise PostgreSQL and the Data API are
 * started for as long as they are needed. Nothing else is: no workflow moves, nothing is migrated, nothing is written. An emulated deployment keeps nothing
 * and so is reached only while it runs.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { databaseUrl } from '../aws/arns.ts';
import { localClusters } from '../aws/data-api/clusters.ts';
import { createDataApi } from '../aws/data-api/data-api.ts';
import { secretsManager } from '../aws/secrets-manager.ts';
import { startAws } from '../aws/server.ts';
import { type Postgres, startPostgres } from '../postgres/postgres.ts';
import { type Endpoint, readEndpoint } from './endpoint.ts';

/** A deployment within reach. */
export interface Attached {
  /** Variables that lead the SDK and the settings of this process to it. */
  environment: Endpoint['environment'];
  /** Lets go of it; what was started is stopped. */
  close(): Promise<void>;
}

/** A data directory holds no deployment. */
export class NoDeployment extends Error {
  override name = 'NoDeployment';
}

/**
 * Reaches the deployment of a data directory, whether it runs or not.
 * @throws NoDeployment when there is none, DataDirectoryInUse when it is just starting or stopping.
 */
export async function attach(dataDir: string): Promise<Attached> {
  const endpoint = await readEndpoint(dataDir);
  if (endpoint && (await answers(endpoint))) return { environment: endpoint.environment, close: async () => {} };
  const directory = resolve(dataDir);
  const data = join(directory, 'postgres');
  if (existsSync(join(data, 'PG_VERSION'))) return await serveStopped(data);
  throw new NoDeployment(
    existsSync(join(directory, 'clouds.yaml'))
      ? `the emulated deployment of ${directory} does not run, and kept nothing; "npm run emulate -- --data-dir DIR" deploys another`
      : `${directory} holds no deployment; "npm start -- --data-dir DIR" makes one`,
  );
}

/** How long a living deployment may take for its first answer, in milliseconds. */
const answersWithin = 5_000;

/** A killed one leaves its endpoint behind: the process is gone, or nobody answers in the manner of a Data API. */
async function answers({ pid, environment }: Endpoint): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  try {
    const { clusterArn, ...database } = parseDatabaseUrl(environment.API_DATABASE);
    const answer = await fetch(`${environment.AWS_ENDPOINT_URL_RDS_DATA}/Execute`, {
      method: 'POST',
      body: JSON.stringify({ ...database, resourceArn: clusterArn, sql: 'select 1' }),
      signal: AbortSignal.timeout(answersWithin),
    });
    await answer.body?.cancel();
    // Another deployment may have got the port since: it denies us.
    return answer.ok || (answer.headers.has('x-amzn-errortype') && answer.status !== 403);
  } catch {
    return false;
  }
}

async function serveStopped(data: string): Promise<Attached> {
  const postgres = await startPostgres({ dataDir: data });
  try {
    const clusters = await clustersOf(postgres);
    if (!clusters.has('api')) throw new NoDeployment(`the PostgreSQL in ${data} holds no deployment`);
    const dataApi = createDataApi({ postgres, clusters: localClusters(clusters) });
    const aws = await startAws({ services: [dataApi.service, secretsManager(clusters)] });
    return {
      environment: { ...aws.environment, API_DATABASE: databaseUrl('api') },
      async close() {
        await aws.close();
        await dataApi.close();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

const prefix = 'cellzero_';

/** The databases a service has made: `cellzero_api`, `cellzero_cell0` and so on, each for the cluster of its name. */
async function clustersOf({ connection }: Postgres): Promise<Map<string, string>> {
  const client = new Client({ ...connection, database: 'postgres' });
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database where starts_with(datname, $1)', [prefix]);
    return new Map(rows.map(({ datname }) => [datname.slice(prefix.length), datname]));
  } finally {
    await client.end();
  }
}
