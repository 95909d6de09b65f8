/**
 * Finding the deployment that a command is about: a local one by its data directory, or the one in the cloud that the environment names, with the AWS SDK's
 * own settings for region, credentials and endpoint.
 */

import type { Database } from '../database/data-api.ts';
import { apiDatabase } from '../lambdas/api-database.ts';
import { attach } from '../local/attach.ts';

/** A deployment within reach. */
export interface Deployment {
  api: Database;
  close(): Promise<void>;
}

/** Where the data of a local service is unless anything else is said. */
const usualDataDir = '.cellzero';

/**
 * Reaches the deployment: that of the data directory named on the command line, else what API_DATABASE names, else that of CELLZERO_DATA_DIR.
 * @throws NoDeployment or DataDirectoryInUse.
 */
export async function reach(dataDir: string | undefined): Promise<Deployment> {
  if (dataDir === undefined && process.env.API_DATABASE) return { api: apiDatabase(), close: async () => {} };
  const attached = await attach(dataDir ?? (process.env.CELLZERO_DATA_DIR || usualDataDir));
  Object.assign(process.env, attached.environment);
  return { api: apiDatabase(), close: attached.close };
}
