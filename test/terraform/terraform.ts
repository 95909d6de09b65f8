/** The unmodified terraform with the openstack provider, which is built from its Go module. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A folder with a configuration and the state of what was made of it. */
export interface Workspace {
  /**
   * Writes the configuration of one server, `openstack_compute_instance_v2.server`.
   * Attributes are those of the provider.
   */
  configure(attributes: Readonly<Record<string, unknown>>): Promise<void>;
  /**
   * Runs terraform and returns what it prints.
   * @throws Error with what it printed when it fails.
   */
  run(command: string, ...args: string[]): Promise<string>;
  /** Returns what a plan would change, as terraform says it; `none` when nothing. */
  plan(): Promise<string>;
}

const run = promisify(execFile);
const provider = 'github.com/terraform-provider-openstack/terraform-provider-openstack/v3@v3.4.0';
const folder = fileURLToPath(new URL('../../node_modules/.cache/cellzero/terraform/', import.meta.url));
const toolPath = (name: string) => (process.env.PATH ?? '').split(delimiter).find((path) => existsSync(join(path, name)));

/** Returns whether terraform and go are on PATH. */
export const hasTools = (): boolean => ['terraform', 'go'].every((name) => toolPath(name) !== undefined);

/** Builds the provider. Go keeps what it compiled in its own cache, so only the first time on a machine takes long. */
export async function buildProvider(): Promise<void> {
  await mkdir(folder, { recursive: true });
  await run('go', ['install', provider], { env: { ...process.env, GOBIN: folder }, maxBuffer: 16 << 20 });
}

/** Opens an empty workspace for the cloud `cellzero` of a clouds.yaml. */
export async function openWorkspace(path: string, cloudsFile: string): Promise<Workspace> {
  await mkdir(path, { recursive: true });
  const settings = join(path, 'terraform.rc');
  await writeFile(
    settings,
    `provider_installation {\n  dev_overrides {\n    "terraform-provider-openstack/openstack" = "${folder}"\n  }\n  direct {}\n}\n`,
  );
  const others = Object.entries(process.env).filter(([name]) => !/^(OS|TF)_/.test(name));
  const env = {
    ...Object.fromEntries(others),
    OS_CLIENT_CONFIG_FILE: cloudsFile,
    TF_CLI_CONFIG_FILE: settings,
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
  };
  const terraform = async (...args: string[]) => {
    const { stdout } = await run('terraform', args, { cwd: path, env }).catch(({ stdout, stderr }) => {
      throw new Error(`terraform ${args.join(' ')}\n${stdout}\n${stderr}`);
    });
    return stdout;
  };
  return {
    configure: (attributes) =>
      writeFile(
        join(path, 'main.tf.json'),
        JSON.stringify({
          terraform: { required_providers: { openstack: { source: 'terraform-provider-openstack/openstack' } } },
          provider: { openstack: { cloud: 'cellzero' } },
          resource: { openstack_compute_instance_v2: { server: attributes } },
        }),
      ),
    run: (command, ...args) => terraform(command, '-no-color', '-input=false', ...args),
    async plan() {
      const printed = await terraform('plan', '-no-color', '-input=false', '-lock=false');
      return printed.includes('No changes.') ? 'none' : printed;
    },
  };
}
