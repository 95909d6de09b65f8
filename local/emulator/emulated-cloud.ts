/** A whole cloud in an emulator: deployed, with the users that clouds.yaml names, and found by the operator's command through its data directory. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { seedUser } from '../../identity/seed.ts';
import { writeCloudsFile } from '../deployment/clouds-file.ts';
import { publishEndpoint } from '../deployment/endpoint.ts';
import { bootstrap, type Deployment, deploy, prefix } from './deployment.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from './emulator.ts';

/** A running cloud. */
export interface EmulatedCloud extends Deployment, Pick<Emulator, 'environment'> {
  cloudsFile: string;
}

/** How a cloud is started. */
export interface EmulatedCloudOptions extends EmulatorOptions {
  /** Stops it, also while it starts. */
  signal: AbortSignal;
  /** Takes the cloud once it is ready. */
  serve: (cloud: EmulatedCloud) => void;
}

/**
 * Starts a cloud and keeps it until it is stopped; nothing is left of it then but the files in its directory.
 * @throws PortInUse, CdkFailed or Error; what had started is stopped.
 */
export async function runEmulatedCloud({ signal, serve, ...options }: EmulatedCloudOptions): Promise<void> {
  const { dataDir, report } = options;
  const stopped = once(signal, 'abort');
  await mkdir(dataDir, { recursive: true });
  // Logs of an earlier cloud would only confuse.
  await rm(join(dataDir, 'cdk.log'), { force: true });
  const emulator = await startEmulator(options);
  try {
    const { environment } = emulator;
    const target = { dataDir, environment, report, signal };
    await bootstrap(target);
    const deployment = await deploy(target);
    report('Adding the user demo');
    const { DatabaseUrl: API_DATABASE = '', AdminSecretArn } = deployment.outputs[`${prefix}-api-database`] ?? {};
    Object.assign(process.env, environment);
    const demo = randomBytes(18).toString('base64url');
    await seedUser(parseDatabaseUrl(API_DATABASE), { name: 'demo', role: 'member', password: demo });
    const { SecretString: admin = '' } = await emulator.secrets.send(new GetSecretValueCommand({ SecretId: AdminSecretArn }));
    const cloudsFile = join(dataDir, 'clouds.yaml');
    await writeCloudsFile(cloudsFile, deployment.url, { admin, demo });
    const { ReaperArn: REAPER_STATE_MACHINE = '' } = deployment.outputs[`${prefix}-control-plane`] ?? {};
    const unpublish = await publishEndpoint(dataDir, { ...environment, API_DATABASE, REAPER_STATE_MACHINE });
    serve({ ...deployment, environment, cloudsFile });
    await stopped;
    await unpublish();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await emulator.stop();
  }
}
