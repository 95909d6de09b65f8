/** Deploying into an emulator as an operator does into an account: with `cdk`, all stacks. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { prefixOf } from '../../infra/settings.ts';
import { region } from '../aws/arns.ts';
import { cdk } from './cdk.ts';
import type { Emulator } from './emulator.ts';
import { addressInLocalstack, isLocalstack } from './localstack.ts';
import { isMinistack } from './ministack.ts';

/** What is deployed, and where to. */
export interface DeployOptions extends Pick<Emulator, 'environment'> {
  /** Folder for the log and what `cdk` writes. */
  dataDir: string;
  /** Folder of the project; by default this one. */
  tree?: string;
  /** Called with what comes next. */
  report?: (step: string) => void;
  /** Ends it early. */
  signal?: AbortSignal | undefined;
}

/** What stands after a deploy. */
export interface Deployment {
  /** Where clients reach the API. */
  url: string;
  /** Outputs of the stacks by the names of stack and output. */
  outputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const outputsSchema = z.record(z.string(), z.record(z.string(), z.string()));
const project = fileURLToPath(new URL('../..', import.meta.url));
const account = '000000000000';

/** What the names of the stacks begin with. All of it is thrown away with the emulator; the stacks are those of production. */
export const prefix = prefixOf('production');

/**
 * Prepares the account for `deploy`.
 * @throws CdkFailed
 */
export async function bootstrap(options: DeployOptions): Promise<void> {
  options.report?.('Bootstrapping the account');
  await run(['bootstrap', `aws://${account}/${region}`, '--app', ''], options);
}

/**
 * Deploys all stacks.
 * @throws CdkFailed
 */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const { dataDir, environment, report } = options;
  report?.('Synthesising the stacks');
  const outputsFile = join(dataDir, 'outputs.json');
  await rm(outputsFile, { force: true });
  const api = await knownApi(environment.AWS_ENDPOINT_URL);
  const manner = ['--concurrency', '5', '--outputs-file', outputsFile, '--output', assemblyIn(dataDir)];
  await run(['deploy', '--all', ...manner, ...api.options], options, (line) => {
    const [, stack, number, all] = /^(\S+): deploying\.\.\. \[(\d+)\/(\d+)\]/.exec(line) ?? [];
    if (stack) report?.(`Deploying ${stack} (${number} of ${all})`);
  });
  const outputs = outputsSchema.parse(JSON.parse(await readFile(outputsFile, 'utf8')));
  return { url: api.address ?? outputs[`${prefix}-control-plane`]?.ApiUrl ?? '', outputs };
}

const assemblyIn = (dataDir: string) => join(dataDir, 'cdk.out');

/** The id of the HTTP API in an emulator where a tag of its stack says so. Then its address is known before there is one, and stays. */
const apiId = 'cellzero';

/** Returns the address of the API in an emulator, with the options of `cdk deploy` that lead there; neither where the API's own address is one that works. */
export async function knownApi(endpoint: string): Promise<{ address?: string; options: string[] }> {
  const at = (address: string, tag: string) => ({ address, options: ['--context', `publicUrl=${address}`, '--tags', `${tag}=${apiId}`] });
  if (await isMinistack(endpoint)) return at(`${endpoint}/_aws/execute-api/${apiId}`, 'ms-custom-id');
  if (await isLocalstack(endpoint)) return at(addressInLocalstack(endpoint, apiId), '_custom_id_');
  return { options: [] };
}

async function run(args: readonly string[], options: DeployOptions, onLine?: (line: string) => void): Promise<void> {
  const { dataDir, environment, tree = project, signal } = options;
  await mkdir(dataDir, { recursive: true });
  await cdk(args, { tree, environment, log: join(dataDir, 'cdk.log'), onLine, signal });
}
