/** The unmodified openstack command from PyPI, in a virtual environment of the project that is made at its first use. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { install } from '../../local/processes/python.ts';

/** What came of a command. */
export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** The command, as one of the clouds of a clouds.yaml. */
export interface OpenStack {
  /** Runs a command, arguments separated by spaces. */
  run(command: string): Promise<Outcome>;
  /**
   * Runs a command with `-f json` and returns what it prints.
   * @throws Error when the command fails.
   */
  json<Result>(command: string): Promise<Result>;
  stop(): Promise<void>;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const environment = fileURLToPath(new URL('../../.venv', import.meta.url));
const requirements = join(here, 'requirements.txt');
const run = promisify(execFile);

/** Installs the client unless it is there. */
export const installClient = (): Promise<void> => install(environment, requirements);

/** Starts one process that runs commands one after the other. */
export function openClient(cloudsFile: string, cloud: string): OpenStack {
  const child = spawn(join(environment, 'bin', 'python'), [join(here, 'run-commands.py')], {
    env: clientEnvironment(cloudsFile),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  // A client that died says so where its answer is missed.
  child.stdin.on('error', () => {});
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const send = async (args: string[]): Promise<Outcome> => {
    child.stdin.write(`${JSON.stringify(['--os-cloud', cloud, ...args])}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error(`the client ended at ${args.join(' ')}`);
    return JSON.parse(value) as Outcome;
  };
  return {
    run: (command) => send(command.split(' ')),
    async json<Result>(command: string) {
      const { code, out, err } = await send([...command.split(' '), '-f', 'json']);
      if (code !== 0) throw new Error(`openstack ${command} ended with ${code}: ${err}`);
      return JSON.parse(out) as Result;
    },
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}

/** Runs one command as a person does, in a process of its own. */
export async function runOnce(cloudsFile: string, cloud: string, command: string): Promise<string> {
  const env = { ...clientEnvironment(cloudsFile), OS_CLOUD: cloud };
  const { stdout } = await run(join(environment, 'bin', 'openstack'), command.split(' '), { env });
  return stdout;
}

/** No setting of the person who runs the tests reaches the client. */
function clientEnvironment(cloudsFile: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('OS_'));
  return { ...Object.fromEntries(others), OS_CLIENT_CONFIG_FILE: cloudsFile };
}
