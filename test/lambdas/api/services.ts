/** What the API functions need of AWS, in this process: databases behind the Data API and the key of the tokens. */
import { migrateDatabase } from '../../../compute/deploy/migrate-database.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../../database/data-api/url.ts';
import { masterAccess } from '../../../lambdas/deploy/master-access.ts';
import { databaseUrl } from '../../../local/aws/arns.ts';
import { localClusters } from '../../../local/aws/data-api/clusters.ts';
import { createDataApi, type DataApi } from '../../../local/aws/data-api/data-api.ts';
import { createKms } from '../../../local/aws/kms.ts';
import { secretsManager } from '../../../local/aws/secrets-manager.ts';
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
  const kms = await createKms({ folder: undefined });
  const aws = await startAws({ services: [dataApi.service, secretsManager(clusters), kms.service] });
  Object.assign(process.env, aws.environment, {
    API_DATABASE: databaseUrl('api'),
    TOKEN_KEY: kms.token.keyArn,
    TOKEN_PUBLIC_KEY: kms.token.publicKey,
    PUBLIC_URL: '',
  });
  const database = parseDatabaseUrl(databaseUrl('api'));
  await migrateDatabase(await masterAccess(database), 'api');
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
