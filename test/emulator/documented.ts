/** The command lines of docs/ as an operator types them: read out of a page, and run in a shell where `npx cdk`, `aws` and `cellzero` reach the emulator. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { region } from '../../local/aws/arns.ts';
import { knownApi } from '../../local/emulator/deployment.ts';
import { awsTools } from '../fixtures/aws-tools/aws-tools.ts';

const run = promisify(execFile);
const command = fileURLToPath(new URL('../../operator/cellzero.ts', import.meta.url));
const cdk = createRequire(import.meta.url).resolve('aws-cdk/bin/cdk');

/** Returns the blocks of commands below a heading of a page, in order. */
export async function documented(heading: string, page = 'deploy.md'): Promise<string[]> {
  const text = await readFile(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const [, section = ''] = new RegExp(`^## ${heading}\\n(.*?)(?=^## |$(?![\\s\\S]))`, 'ms').exec(text) ?? [];
  return [...section.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block);
}

/** Where commands are run. */
export interface Place {
  /** Folder of the project. */
  tree: string;
  dataDir: string;
  environment: Readonly<Record<'AWS_ENDPOINT_URL', string> & Record<string, string>>;
}

/**
 * Runs a block until a command fails; what is installed is not installed again. `cdk` gets what only an emulator needs.
 * @throws Error with what was printed.
 */
export async function perform(block: string, { tree, dataDir, environment }: Place): Promise<void> {
  const options = (await knownApi(environment.AWS_ENDPOINT_URL)).options.map((option) => `'${option}'`).join(' ');
  const shell = `set -euo pipefail
    npm() { [ "$1" = ci ]; }
    aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
    cellzero() { node '${command}' "$@" --data-dir '${dataDir}'; }
    npx() {
      local command=$2
      shift 2
      case $command in
        bootstrap) node '${cdk}' bootstrap "$@" ;;
        deploy) node '${cdk}' deploy "$@" ${options} --outputs-file '${join(dataDir, 'outputs.json')}' --output '${join(dataDir, 'cdk.out')}' ;;
        destroy) node '${cdk}' destroy "$@" --force --app '${join(dataDir, 'cdk.out')}' ;;
      esac
    }
    ${block}`;
  const env = {
    ...process.env,
    ...environment,
    ...{ PATH: [await awsTools(), process.env.PATH].join(delimiter), AWS_PAGER: '', AWS_DEFAULT_REGION: region },
    ...{ AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', CDK_HOME: dataDir, CDK_DISABLE_CLI_TELEMETRY: 'true' },
  };
  await run('bash', ['-c', shell], { cwd: tree, env, maxBuffer: 2 ** 26 });
}
