/**
 * Finding the deployment that a command is about: a local or emulated one by its data directory, one in the cloud by its stage or by the URL of its api
 * database, with the AWS SDK's own settings for region, credentials and endpoint. What is typed counts before what is in the environment.
 */

import type { Database } from '../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import type { Stage } from '../../infra/settings.ts';
import { stages } from '../../infra/settings.ts';
import { attach, NoDeployment } from '../../local/deployment/attach.ts';
import { stackOutput } from './stack-outputs.ts';
import { wakeReaper } from './wake-reaper.ts';

/** What the command line says about the deployment. */
export interface Choice {
  dataDir?: string;
  stage?: Stage;
}

/** Where a deployment is looked for. */
export type Target = { dataDir: string } | { stage: Stage } | { database: string };

/** A deployment within reach. */
export interface Deployment {
  api: Database;
  /** Has its reaper run after a number of seconds, or now; returns false where it does not run or only its database is known. */
  wakeReaper(seconds?: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Where the data of a local service is unless anything else is said. */
const usualDataDir = '.cellzero';

/**
 * Decides where to look: the data directory or the stage on the command line, else what API_DATABASE, CELLZERO_STAGE or CELLZERO_DATA_DIR names, in this
 * order, else the usual data directory.
 * @throws NoDeployment when CELLZERO_STAGE is no stage.
 */
export function target({ dataDir, stage }: Choice): Target {
  const { API_DATABASE, CELLZERO_STAGE, CELLZERO_DATA_DIR } = process.env;
  if (dataDir !== undefined) return { dataDir };
  if (stage) return { stage };
  if (API_DATABASE) return { database: API_DATABASE };
  if (CELLZERO_STAGE) return { stage: knownStage(CELLZERO_STAGE) };
  return { dataDir: CELLZERO_DATA_DIR || usualDataDir };
}

function knownStage(name: string): Stage {
  const stage = stages.find((stage) => stage === name);
  if (!stage) throw new NoDeployment(`CELLZERO_STAGE is one of ${stages.join(', ')}, not "${name}"`);
  return stage;
}

/**
 * Reaches the deployment.
 * @throws NoDeployment or DataDirectoryInUse; other errors of AWS as they are.
 */
export async function reach(choice: Choice): Promise<Deployment> {
  const where = target(choice);
  if ('dataDir' in where) {
    const { environment, close } = await attach(where.dataDir);
    Object.assign(process.env, environment);
    // A profile would count before the credentials of the deployment.
    delete process.env.AWS_PROFILE;
    const reaper = async () => environment.REAPER_STATE_MACHINE;
    return { api: parseDatabaseUrl(environment.API_DATABASE), wakeReaper: (seconds) => wake(reaper, seconds), close };
  }
  const close = async () => {};
  if ('database' in where) return { api: databaseAt(where.database), wakeReaper: async () => false, close };
  const { stage } = where;
  const reaper = () => stackOutput(stage, 'control-plane', 'ReaperArn');
  return {
    api: databaseAt(await stackOutput(stage, 'api-database', 'DatabaseUrl')),
    wakeReaper: (seconds) => wake(reaper, seconds),
    close,
  };
}

async function wake(reaper: () => Promise<string | undefined>, seconds = 0): Promise<boolean> {
  const stateMachineArn = await reaper();
  if (stateMachineArn) await wakeReaper(stateMachineArn, seconds);
  return stateMachineArn !== undefined;
}

function databaseAt(url: string): Database {
  try {
    return parseDatabaseUrl(url);
  } catch (error) {
    throw new NoDeployment(`the URL of the api database, ${url}, is not rds-data://<cluster arn>/<database>?secret=<secret arn>`, {
      cause: error,
    });
  }
}
