/**
 * MiniStack, an emulator of AWS from PyPI that needs no Docker and no account: CloudFormation, API Gateway, Step Functions and the rest in one Python
 * process, and Lambda functions as processes of Node. It keeps nothing on disk and ends with this process.
 */
import { once } from 'node:events';
import { chmod, mkdtemp, open, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { region } from '../aws/arns.ts';
import { PortInUse } from '../aws/gateway/gateway.ts';
import { superviseProcess } from '../processes/supervised-process.ts';

/** The virtual environment that holds MiniStack, and what it holds. */
export const ministack = {
  environment: fileURLToPath(new URL('../../node_modules/.cache/cellzero/ministack', import.meta.url)),
  requirements: fileURLToPath(new URL('requirements.txt', import.meta.url)),
};

const launcher = fileURLToPath(new URL('start-ministack.py', import.meta.url));

/** How to run it. */
export interface MinistackOptions {
  port: number;
  /** Where the functions find the Data API. */
  dataApi: string;
  /** File for its log. */
  log: string;
}

const startsWithin = 30_000;
/** How much of its log explains a failed start, in characters. */
const keptLog = 4_096;

/**
 * Starts it on loopback; it must be installed.
 * @returns a function that stops it, with all its functions.
 * @throws Error with the end of its log.
 */
export async function startMinistack({ port, dataApi, log }: MinistackOptions): Promise<() => Promise<void>> {
  // Not below the project, where functions would find what is missing in their bundles.
  const folder = await mkdtemp(join(tmpdir(), 'cellzero-emulator-'));
  await chmod(folder, 0o700);
  const file = await open(log, 'w', 0o600);
  const server = superviseProcess([join(ministack.environment, 'bin', 'python'), launcher], {
    signal: 'KILL',
    leftover: folder,
    log: file.fd,
    cwd: folder,
    // Functions inherit it, so nothing of the shell it was started from is in it.
    env: {
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      HOME: folder,
      TMPDIR: folder,
      LANG: 'C.UTF-8',
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      MINISTACK_REGION: region,
      // These listen on every address, whatever BIND_HOST says.
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
      // Functions of CDK's own expect the AWS SDK in the runtime.
      NODE_PATH: fileURLToPath(new URL('../../node_modules', import.meta.url)),
      AWS_ENDPOINT_URL_RDS_DATA: dataApi,
    },
  });
  await file.close();
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  for (const giveUp = Date.now() + startsWithin; !(await isMinistack(`http://127.0.0.1:${port}`)); await sleep(50)) {
    if (!ended && Date.now() < giveUp) continue;
    await server.stop();
    throw new Error(`MiniStack did not start: ${(await readFile(log, 'utf8')).slice(-keptLog)}`);
  }
  return () => server.stop();
}

/** Returns whether a MiniStack answers at an address. */
export async function isMinistack(endpoint: string): Promise<boolean> {
  return await fetch(`${endpoint}/_ministack/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/**
 * Returns a port of loopback that is free: this one, or any instead of 0.
 * @throws PortInUse
 */
export async function freePort(port: number): Promise<number> {
  const probe = createServer();
  await new Promise<void>((free, taken) => {
    probe.once('error', (error) => taken(new PortInUse(port, error))).listen(port, '127.0.0.1', free);
  });
  const { port: found } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return found;
}
