/** Deploying into an emulator as an operator does into an account: with `cdk`, all stacks, for a stage that is thrown away. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { region } from '../arns.ts';
import { cdk } from './cdk.ts';
import type { Emulator } from './emulator.ts';

/** What to deploy, and who listens. */
export interface DeployOptions {
  /** Folder of the project; this one unless told otherwise. */
  tree?: string;
  /** Hears what comes next. */
  report?: (step: string) => void;
  signal?: AbortSignal;
}

/** Outputs of the stacks by the names of stack and output. */
export type Outputs = Readonly<Record<string, Readonly<Record<string, string>>>>;

const outputsSchema = z.record(z.string(), z.record(z.string(), z.string()));
const project = fileURLToPath(new URL('../..', import.meta.url));
const account = '000000000000';
const stage = ['--context', 'stage=throwaway'];

/**
 * Prepares the account for `cdk deploy`, once.
 * @throws CdkFailed
 */
export async function bootstrap(emulator: Emulator, { tree = project, report, signal }: DeployOptions = {}): Promise<void> {
  report?.('Bootstrapping the account');
  await cdk(['bootstrap', `aws://${account}/${region}`, '--app', ''], { ...how(emulator, tree), signal });
}

/**
 * Deploys all stacks and gives their outputs.
 * @throws CdkFailed
 */
export async function deploy(emulator: Emulator, { tree = project, report, signal }: DeployOptions = {}): Promise<Outputs> {
  const outputs = join(emulator.dataDir, 'outputs.json');
  report?.('Synthesising the stacks');
  // MiniStack takes the id of the HTTP API from a tag: so its address is known before, and stays.
  const address = emulator.apiAt ? ['--context', `publicUrl=${emulator.apiAt}`, '--tags', 'ms-custom-id=cellzero'] : [];
  const args = ['deploy', '--all', '--require-approval', 'never', '--concurrency', '4', '--outputs-file', outputs, ...stage, ...address];
  const onLine = (line: string) => {
    const [, stack] = /^(\S+): deploying\.\.\./.exec(line) ?? [];
    if (stack) report?.(`Deploying ${stack}`);
  };
  await cdk(args, { ...how(emulator, tree), onLine, signal });
  return outputsSchema.parse(JSON.parse(await readFile(outputs, 'utf8')));
}

/**
 * Destroys all stacks.
 * @throws CdkFailed
 */
export async function destroy(emulator: Emulator, { tree = project, signal }: DeployOptions = {}): Promise<void> {
  await cdk(['destroy', '--all', '--force', ...stage], { ...how(emulator, tree), signal });
}

function how({ environment, dataDir }: Emulator, tree: string) {
  return { tree, environment, log: join(dataDir, 'cdk.log') };
}
