/** The unmodified Tempest from PyPI, in a virtual environment that is made at its first use, run with accounts that the operator's command made. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { install } from '../../local/processes/python.ts';
import { cellzero } from '../operator/run.ts';

/** How a test ended. */
export interface Result {
  status: 'success' | 'fail' | 'skip' | 'inprogress';
  /** Why it was skipped, or the end of its traceback. */
  said: string;
}

/** Where a run finds its cloud. */
export interface Target {
  url: string;
  /** Where the operator's command finds the deployment. */
  dataDir: string;
  /** Where Tempest's files go. */
  workspace: string;
}

/** An account as Tempest wants it. Its roles are words by which Tempest picks accounts; Keystone knows its real ones. */
interface Account {
  username: string;
  project_name: string;
  password: string;
  roles: readonly string[];
  types?: readonly string[];
}

/** Tests that run at a time. Each needs accounts of its own, in projects of their own. */
const concurrency = 3;

const environment = fileURLToPath(new URL('../../node_modules/.cache/cellzero/tempest', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const bin = (name: string) => join(environment, 'bin', name);

/**
 * Installs Tempest unless it is there.
 * @throws InstallFailed
 */
export const installTempest = (): Promise<void> => install(environment, join(here, 'requirements.txt'));

/** Makes accounts and writes Tempest's settings. */
export async function prepare({ url, dataDir, workspace }: Target): Promise<void> {
  await mkdir(workspace, { recursive: true });
  const run = async (...args: string[]): Promise<Record<string, string>> => {
    const { code, stdout, stderr } = await cellzero([...args, '--json', '--data-dir', dataDir]);
    if (code !== 0) throw new Error(`cellzero ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const user = async (username: string, project: string, role: string): Promise<Omit<Account, 'roles'>> => {
    const { password = '' } = await run('user', 'create', username, '--project', project, '--role', role);
    return { username, project_name: project, password };
  };
  const accountsOf = async (worker: number): Promise<Account[]> => {
    const [project, other, operators] = [`project-${worker}`, `other-${worker}`, `operators-${worker}`];
    await Promise.all([project, other, operators].map((name) => run('project', 'create', name)));
    return await Promise.all([
      user(`other-${worker}`, other, 'member').then((account) => ({ ...account, roles: ['alt_member'] })),
      user(`member-${worker}`, project, 'member').then((account) => ({ ...account, roles: ['member'] })),
      user(`reader-${worker}`, project, 'reader').then((account) => ({ ...account, roles: ['reader'] })),
      user(`admin-${worker}`, operators, 'admin').then((account) => ({ ...account, roles: ['admin'], types: ['admin'] })),
    ]);
  };
  const [image, ...accounts] = await Promise.all([
    run('image', 'create', 'cirros-alt'),
    ...Array.from({ length: concurrency }, (_, worker) => accountsOf(worker)),
  ]);
  // Who asks for "another" gets the first account that is free, whatever its roles.
  const others = accounts.flat().filter(({ roles }) => roles.includes('alt_member'));
  const rest = accounts.flat().filter((account) => !others.includes(account));
  await writeFile(join(workspace, 'accounts.yaml'), stringify([...others, ...rest]));
  await writeFile(join(workspace, 'tempest.conf'), settings(url, workspace, image.id ?? ''));
}

/** Runs the tests whose names begin with one of `prefixes` below `tempest.api.compute`, and returns their results by name. */
export async function runTempest(workspace: string, prefixes: readonly string[]): Promise<Map<string, Result>> {
  const selection = ['--regex', `^tempest\\.api\\.compute\\.(${prefixes.join('|')})`];
  const tempest = spawn(
    bin('tempest'),
    ['run', '--config-file', join(workspace, 'tempest.conf'), '--concurrency', String(concurrency), '--subunit', ...selection],
    {
      cwd: workspace,
      env: { ...process.env, PATH: `${join(environment, 'bin')}:${process.env.PATH}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const reader = spawn(bin('python'), [join(here, 'results.py')], { stdio: [tempest.stdout, 'pipe', 'inherit'] });
  const [lines] = await Promise.all([text(reader.stdout), once(tempest, 'exit'), once(reader, 'exit')]);
  const results = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Result & { id: string });
  return new Map(results.map(({ id, ...result }) => [nameOf(id), result]));
}

/** Returns the name of a test, or of the class whose preparation failed or skipped all its tests, without the attributes in brackets. */
function nameOf(id: string): string {
  const name = /tempest\.api\.compute\.([\w.]+)/.exec(id)?.[1];
  if (name === undefined) throw new Error(`not a test of compute: ${id}`);
  return name;
}

/** Features are those of a usual Nova, so that no setting hides what Cellzero lacks. */
function settings(url: string, workspace: string, otherImage: string): string {
  const sections = {
    DEFAULT: { log_file: 'tempest.log', log_dir: workspace },
    oslo_concurrency: { lock_path: join(workspace, 'locks') },
    auth: {
      use_dynamic_credentials: false,
      test_accounts_file: join(workspace, 'accounts.yaml'),
      default_credentials_domain_name: 'Default',
      create_isolated_networks: false,
    },
    identity: { uri_v3: `${url}/identity/v3`, auth_version: 'v3', region: 'RegionOne' },
    enforce_scope: { nova: true },
    service_available: { nova: true, glance: true, neutron: true, cinder: false, swift: false },
    compute: {
      image_ref: 'c1220500-0000-4000-8000-000000000001',
      image_ref_alt: otherImage,
      flavor_ref: '1',
      flavor_ref_alt: '2',
      max_microversion: 'latest',
      min_compute_nodes: 4,
      build_interval: 1,
      build_timeout: 60,
    },
    'compute-feature-enabled': {
      change_password: true,
      resize: true,
      personality: true,
      hostname_fqdn_sanitization: true,
      vnc_console: true,
      spice_console: true,
      serial_console: true,
      stable_rescue: true,
      swap_volume: true,
      volume_multiattach: true,
    },
    validation: { run_validation: false },
  };
  return Object.entries(sections)
    .map(([name, values]) => [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${value}`), ''].join('\n'))
    .join('\n');
}
