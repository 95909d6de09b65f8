/** A Data API over a PostgreSQL of its own, and the SDK's client of it: what each test file of this folder stands on. */

import { ExecuteStatementCommand, type ExecuteStatementCommandInput, RDSDataClient, type SqlParameter } from '@aws-sdk/client-rds-data';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { clusterArn, databaseName, masterSecretArn, region } from '../../../../local/aws/arns.ts';
import { localClusters } from '../../../../local/aws/data-api/clusters.ts';
import { createDataApi, type DataApi, type DataApiOptions } from '../../../../local/aws/data-api/data-api.ts';
import { type Aws, startAws } from '../../../../local/aws/server.ts';
import type { Postgres } from '../../../../local/postgres/postgres.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

/** What a request to a cluster names. */
export const target = (cluster: string) => ({
  resourceArn: clusterArn(cluster),
  secretArn: masterSecretArn(cluster),
  database: databaseName,
});

/** Starts the parts before the tests of a file and stops them after; faults are lifted after each test. */
export function useDataApi(limits: Pick<DataApiOptions, 'statementLimit' | 'transactionIdleLimit'> = {}) {
  let postgres: Postgres;
  let aws: Aws;
  let api: DataApi;
  let client: RDSDataClient;

  beforeAll(async () => {
    postgres = sharedPostgres();
    const [one, two] = await Promise.all([postgres.createDatabase('one'), postgres.createDatabase('two')]);
    const clusters = new Map([
      ['cell1', one],
      ['cell2', two],
    ]);
    api = createDataApi({ postgres, clusters: localClusters(clusters), ...limits });
    aws = await startAws({ services: [api.service] });
    client = new RDSDataClient({ endpoint: aws.url, region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } });
  }, 30_000);

  afterEach(() => api.faults.clear());

  afterAll(async () => {
    client.destroy();
    await aws.close();
    await api.close();
    await postgres.stop();
  });

  return {
    get api() {
      return api;
    },
    get aws() {
      return aws;
    },
    get client() {
      return client;
    },
    get postgres() {
      return postgres;
    },
    /** Runs one statement in cell1, by default with metadata. */
    run: (sql: string, parameters: SqlParameter[] = [], options: Partial<ExecuteStatementCommandInput> = {}) =>
      client.send(new ExecuteStatementCommand({ ...target('cell1'), sql, parameters, includeResultMetadata: true, ...options })),
  };
}
