/**
 * An account of AWS on this machine: an emulator for all services but the Data API, which is ours, because an emulator's own is a stub or another
 * database. Functions find it by the SDK's own variable, which they inherit from the emulator, so the stacks are those of the cloud.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { region } from '../arns.ts';
import { startAws } from '../aws.ts';
import { createDataApi, type DataApi } from '../data-api/data-api.ts';
import { startPostgres } from '../postgres.ts';
import { install, isInstalled } from '../python.ts';
import { emulatedClusters } from './clusters.ts';
import { freePort, isMinistack, ministack, startMinistack } from './ministack.ts';

/** What to run. */
export interface EmulatorOptions {
  /** Folder for its logs and the files that tell of it. */
  dataDir: string;
  /** Where it listens; 0 takes a free port. */
  port: number;
  /** Hears what comes next. */
  report: (step: string) => void;
}

/** A running emulator. */
export interface Emulator {
  dataDir: string;
  /** Variables that lead SDK clients and `cdk` of another process to it. */
  environment: Readonly<Record<string, string>>;
  /** Where it serves the HTTP API with the id `cellzero`; undefined when the API's own address works. */
  apiAt: string | undefined;
  dataApi: DataApi;
  secrets: SecretsManagerClient;
  /** Stops everything, newest first; may be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts MiniStack and the Data API, or the Data API alone for an emulator that runs elsewhere: at CELLZERO_EMULATOR_ENDPOINT, told to its functions as
 * CELLZERO_EMULATOR_DATA_API (address:port) before.
 * @throws PortInUse or Error; what had started is stopped again.
 */
export async function startEmulator({ dataDir, port, report }: EmulatorOptions): Promise<Emulator> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  };
  try {
    await mkdir(dataDir, { recursive: true });
    const { CELLZERO_EMULATOR_ENDPOINT: running, CELLZERO_EMULATOR_DATA_API: listen = '' } = process.env;
    const endpoint = running || `http://127.0.0.1:${port || (await freePort())}`;
    const environment = awsAt(endpoint);
    if (!running && !(await isInstalled(ministack.environment, ministack.requirements))) {
      report('Installing the emulator, this once: MiniStack from PyPI');
      await install(ministack.environment, ministack.requirements);
    }
    report(running ? `Starting databases beside the emulator at ${running}` : 'Starting the emulator and databases');
    const postgres = await startPostgres({ dataDir: undefined });
    stops.push(() => postgres.stop());
    const secrets = new SecretsManagerClient({ endpoint, region, credentials });
    const dataApi = createDataApi({ postgres, clusters: emulatedClusters({ endpoint, secrets, postgres }) });
    stops.push(() => dataApi.close());
    const [, host, fixedPort] = /^(.+):(\d+)$/.exec(listen) ?? [];
    const aws = await startAws({ services: [dataApi.service], ...(running && { host, port: Number(fixedPort) }) });
    stops.push(() => aws.close());
    if (!running) {
      const { port: chosen } = new URL(endpoint);
      stops.push(await startMinistack({ port: Number(chosen), dataApi: aws.url, log: join(dataDir, 'emulator.log') }));
    }
    const apiAt = (await isMinistack(endpoint)) ? `${endpoint}/_aws/execute-api/cellzero` : undefined;
    return { dataDir, environment: { ...environment, AWS_ENDPOINT_URL_RDS_DATA: aws.url }, apiAt, dataApi, secrets, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** No emulator checks them. */
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

function awsAt(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    // CDK's command asks for this one by name.
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
