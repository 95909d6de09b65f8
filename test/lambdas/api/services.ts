/** What the API functions need of AWS, in this process: databases behind the Data API and the key of the tokens. */
import { apiMigrations } from '../../../database/api/migrations/index.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../../database/data-api/url.ts';
import { migrate } from '../../../database/migrator/migrate.ts';
import { databaseUrl } from '../../../local/aws/arns.ts';
import { localClusters } from '../../../local/aws/data-api/clusters.ts';
import { createDataApi, type DataApi } from '../../../local/aws/data-api/data-api.ts';
import { createKms } from '../../../local/aws/kms.ts';
import { startAws } from '../../../local/aws/server.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

export interface ApiServices {
  database: Database;
  dataApi: DataApi;
  stop(): Promise<void>;
}

/** Starts the services with an empty api database and sets the environment of the functions. */
export async function startApiServices(): Promise<ApiServices> {
  const postgres = sharedPostgres();
  const clusters = new Map([['api', await postgres.createDatabase('cellzero_api')]]);
  const dataApi = createDataApi({ postgres, clusters: localClusters(clusters) });
  const kms = await createKms({ keyFile: undefined });
  const aws = await startAws({ services: [dataApi.service, kms.service] });
  Object.assign(process.env, aws.environment, {
    API_DATABASE: databaseUrl('api'),
    TOKEN_KEY: kms.keyArn,
    TOKEN_PUBLIC_KEY: kms.publicKey,
    PUBLIC_URL: '',
  });
  const database = parseDatabaseUrl(databaseUrl('api'));
  await migrate(database, apiMigrations);
  return {
    database,
    dataApi,
    async stop() {
      await aws.close();
      await dataApi.close();
      await postgres.stop();
    },
  };
}
