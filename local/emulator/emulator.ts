/**
 * An account of AWS on this machine: an emulator for all services but the Data API, which is ours, because an emulator's own is a stub or another
 * database. Functions find it by the SDK's own variable, which they inherit from the emulator, so the stacks are those of the cloud.
 */
import { join } from 'node:path';
import { RDSClient } from '@aws-sdk/client-rds';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { region } from '../aws/arns.ts';
import { createDataApi } from '../aws/data-api/data-api.ts';
import { startAws } from '../aws/server.ts';
import { startPostgres } from '../postgres/postgres.ts';
import { install, isInstalled } from '../processes/python.ts';
import { emulatedClusters } from './clusters.ts';
import { isLocalstack, localstackEndpoint, NoLocalstack } from './localstack.ts';
import { freePort, ministack, startMinistack } from './ministack.ts';

/** What to run. */
export interface EmulatorOptions {
  /** Folder for its log. */
  dataDir: string;
  /** Where it listens; 0 takes a free port. */
  port: number;
  /** Whether it is a LocalStack that runs already. */
  localstack: boolean;
  /** Called with what comes next. */
  report: (step: string) => void;
}

/** A running emulator. */
export interface Emulator {
  /** Variables that lead SDK clients and `cdk` to it. */
  environment: Readonly<Record<'AWS_ENDPOINT_URL' | 'AWS_ENDPOINT_URL_RDS_DATA', string> & Record<string, string>>;
  secrets: SecretsManagerClient;
  /** Stops everything, newest first; may be called twice. */
  stop(): Promise<void>;
}

/** No emulator checks them. */
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/**
 * Starts an emulator with the Data API beside it: MiniStack, unless a LocalStack is asked for or CELLZERO_EMULATOR_ENDPOINT is the address of one that runs.
 * @throws PortInUse, NoLocalstack, or Error; what had started is stopped again.
 */
export async function startEmulator({ dataDir, port, localstack, report }: EmulatorOptions): Promise<Emulator> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  };
  try {
    const running = runningEmulator(localstack ? localstackEndpoint : undefined);
    if (running && localstack && !(await isLocalstack(running.endpoint))) throw new NoLocalstack(running.endpoint);
    const chosen = running ? 0 : await freePort(port);
    const endpoint = running?.endpoint ?? `http://127.0.0.1:${chosen}`;
    if (!running && !(await isInstalled(ministack.environment, ministack.requirements))) {
      report('Installing the emulator, this once');
      await install(ministack.environment, ministack.requirements);
    }
    report(running ? `Starting databases beside the emulator at ${endpoint}` : 'Starting the emulator and its databases');
    const postgres = await startPostgres({ dataDir: undefined });
    stops.push(() => postgres.stop());
    const secrets = new SecretsManagerClient({ endpoint, region, credentials });
    const rds = new RDSClient({ endpoint, region, credentials });
    const dataApi = createDataApi({ postgres, clusters: emulatedClusters({ rds, secrets, postgres }) });
    stops.push(() => dataApi.close());
    const aws = await startAws({ services: [dataApi.service], elsewhere: running?.dataApi });
    stops.push(() => aws.close());
    if (!running) stops.push(await startMinistack({ port: chosen, dataApi: aws.url, log: join(dataDir, 'emulator.log') }));
    return { environment: environmentAt(endpoint, aws.url), secrets, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The emulator that the environment names, or that is usual, with the address where its functions expect the Data API. */
function runningEmulator(usual: string | undefined): { endpoint: string; dataApi: { host: string; port: number } } | undefined {
  const { CELLZERO_EMULATOR_ENDPOINT: endpoint = usual, CELLZERO_EMULATOR_DATA_API: listen = '127.0.0.1:4580' } = process.env;
  if (!endpoint) return undefined;
  const { hostname, port } = new URL(`http://${listen}`);
  return { endpoint: endpoint.replace(/\/$/, ''), dataApi: { host: hostname, port: Number(port) } };
}

function environmentAt(endpoint: string, dataApi: string): Emulator['environment'] {
  return {
    AWS_ENDPOINT_URL: endpoint,
    // The command of CDK asks for this one by name.
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ENDPOINT_URL_RDS_DATA: dataApi,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
