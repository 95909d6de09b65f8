/** The `cdk` command of the project, run against an emulator: no profile and no endpoint of the person who runs it can lead it into an account. */
import { appendFile, mkdtemp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { superviseProcess } from '../processes/supervised-process.ts';

/** How a command is run. */
export interface CdkOptions {
  /** Folder of the project: the one with cdk.json. */
  tree: string;
  /** Variables that lead to the emulator. */
  environment: Readonly<Record<string, string>>;
  /** File that what it says is added to. */
  log: string;
  /** Called with every line it prints. */
  onLine?: ((line: string) => void) | undefined;
  /** Ends it early. */
  signal?: AbortSignal | undefined;
}

/** A command of `cdk` failed; the message ends with what it said of it. */
export class CdkFailed extends Error {
  override name = 'CdkFailed';
}

const program = createRequire(import.meta.url).resolve('aws-cdk/bin/cdk');
/** Lines about a failure, among many about progress. */
const failing = /❌|_FAILED|rror: /;
/** How many of its last lines explain a failure otherwise. */
const lastLines = 20;

/**
 * Runs a command to its end.
 * @throws CdkFailed, also when it is ended early.
 */
export async function cdk(args: readonly string[], { tree, environment, log, onLine, signal }: CdkOptions): Promise<void> {
  signal?.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), 'cellzero-cdk-'));
  const command = superviseProcess([process.execPath, program, ...args, '--no-color', '--no-notices'], {
    signal: 'KILL',
    leftover: folder,
    log: 'pipe',
    cwd: tree,
    env: { ...neutral(process.env), ...environment, CDK_HOME: folder, CDK_DISABLE_CLI_TELEMETRY: 'true' },
  });
  const stop = () => void command.stop();
  signal?.addEventListener('abort', stop);
  const said: string[] = [];
  for await (const line of createInterface(command.log)) {
    await appendFile(log, `${line}\n`, { mode: 0o600 });
    said.push(line);
    onLine?.(line);
  }
  signal?.removeEventListener('abort', stop);
  const [status] = await command.exited;
  if (status !== 0) throw new CdkFailed(`cdk ${args[0]} failed, see ${log}:\n${reason(said)}`);
}

function reason(lines: readonly string[]): string {
  const reasons = lines.filter((line) => failing.test(line));
  return [...new Set(reasons.length > 0 ? reasons : lines.slice(-lastLines))].join('\n');
}

/** An environment without anything that leads to AWS, or makes cdk say elsewhere what it does, and with this Node first. */
function neutral(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = Object.entries(environment).filter(([name]) => !/^(AWS_|CDK_|CI$)/.test(name));
  return {
    ...Object.fromEntries(others),
    PATH: [dirname(process.execPath), environment.PATH].join(delimiter),
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
}
