/** The deployment, proven by deploying it: the real `cdk`, the deployed bundles, and every request through the deployed API Gateway. */
import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetExecutionHistoryCommand, ListExecutionsCommand, ListStateMachinesCommand, SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { query } from '../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { region } from '../../local/aws/arns.ts';
import type { Client } from '../../local/demo/client.ts';
import { CdkFailed } from '../../local/emulator/cdk.ts';
import { deploy } from '../../local/emulator/deployment.ts';
import { installClient, runOnce } from '../client/openstack.ts';
import { family, leftOf } from '../fixtures/processes.ts';
import { cellzero } from '../operator/run.ts';
import { documented, perform } from './documented.ts';
import { askAllAlong, change, clientOf, copyTree, databaseOf, type Emulation, emulate, environmentOf } from './emulation.ts';

interface Server {
  id: string;
  status: string;
  fault?: { code: number; message: string };
  'OS-EXT-SRV-ATTR:host'?: string | null;
}

let temporary: string;
let dataDir: string;
let emulation: Emulation;
let environment: Awaited<ReturnType<typeof environmentOf>>;
let demo: Client;
let admin: Client;

beforeAll(async () => {
  temporary = await mkdtemp('/tmp/cellzero-test-');
  // PostgreSQL runs as another user when we are root.
  await chmod(temporary, 0o755);
  dataDir = join(temporary, 'data');
  emulation = emulate(dataDir, temporary);
  await emulation.says(/Ctrl-C stops/);
  environment = await environmentOf(dataDir);
  Object.assign(process.env, environment);
  [demo, admin] = await Promise.all([clientOf(dataDir, 'demo'), clientOf(dataDir, 'admin')]);
});

afterAll(async () => {
  emulation.child.kill('SIGTERM');
  await emulation.ended;
  await rm(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

const small = { name: 'small', flavorRef: '1', imageRef: 'c1220500-0000-4000-8000-000000000001', networks: 'none' };

async function boot(client: Client, server: object): Promise<string> {
  const { status, body } = await client.send<{ server: { id: string } }>('POST', '/servers', { server: { ...small, ...server } });
  expect(status).toBe(202);
  return body.server.id;
}

/** Waits until a server is no longer in BUILD. */
async function settled(id: string): Promise<Server> {
  for (;;) {
    const { body } = await admin.send<{ server: Server }>('GET', `/servers/${id}`);
    if (body.server.status !== 'BUILD') return body.server;
    await sleep(50);
  }
}

/** Names of the states that the boot of a server entered, once it has ended. */
async function statesOf(server: string): Promise<string[]> {
  const client = new SFNClient({ region });
  const { stateMachines = [] } = await client.send(new ListStateMachinesCommand());
  const stateMachineArn = stateMachines.find(({ name }) => name === 'cellzero-boot')?.stateMachineArn;
  for (;;) {
    const { executions = [] } = await client.send(new ListExecutionsCommand({ stateMachineArn }));
    for (const { executionArn, status } of executions.filter(({ status }) => status !== 'RUNNING')) {
      const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
      if (!events[0]?.executionStartedEventDetails?.input?.includes(server)) continue;
      expect(status).toBe('SUCCEEDED');
      return events.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []);
    }
    await sleep(100);
  }
}

const rowsOf = async (stack: string, server: string) =>
  await query<{ vm_state: string }>(
    parseDatabaseUrl(await databaseOf(dataDir, stack)),
    'select vm_state from instances where uuid = :server::uuid',
    { server },
  );

async function stackStatuses(): Promise<Record<string, string | undefined>> {
  const { Stacks = [] } = await new CloudFormationClient({ region }).send(new DescribeStacksCommand());
  const ours = Stacks.filter(({ StackName }) => StackName?.startsWith('cellzero-'));
  return Object.fromEntries(ours.map(({ StackName = '', StackStatus }) => [StackName.replace('cellzero-', ''), StackStatus]));
}

describe('a first deploy', () => {
  it('takes less than 90 s, and says where it is on the way', async () => {
    const printed = emulation.printed();
    expect(Number(/deployed after (\d+) s/.exec(printed)?.[1])).toBeLessThan(90);
    expect(Number(/Synthesis time: ([\d.]+)s/.exec(await readFile(join(dataDir, 'cdk.log'), 'utf8'))?.[1])).toBeLessThan(30);
    for (const stack of ['network', 'api-database', 'cell0', 'cell1', 'cell2', 'control-plane']) {
      expect(printed).toMatch(new RegExp(`^ +[\\d.]+ s {2}Deploying cellzero-${stack} \\(\\d of 6\\)$`, 'm'));
    }
    expect(printed).toContain(`OS_CLIENT_CONFIG_FILE=${dataDir}/clouds.yaml OS_CLOUD=cellzero`);
  });

  it('makes a password of the admin that YAML reads as it is', async () => {
    const [, password] = /cellzero-admin:[\s\S]*?password: "(.*)"/.exec(await readFile(join(dataDir, 'clouds.yaml'), 'utf8')) ?? [];
    expect(password).toMatch(/^[0-9A-Za-z]{32}$/);
  });

  it('opens its databases for functions as users who own nothing, and for migrations as the master', async () => {
    for (const stack of ['api-database', 'cell0', 'cell1', 'cell2']) {
      const database = parseDatabaseUrl(await databaseOf(dataDir, stack));
      const [{ user } = { user: '' }] = await query<{ user: string }>(database, 'select current_user as user');
      expect(user).toBe(`cellzero_${stack.replace('-database', '')}`);
      await expect(query(database, 'alter table schema_migrations add another integer')).rejects.toThrow('SQLState: 42501');
    }
    for (const group of ['db', 'api_db'])
      expect(await cellzero([group, 'sync', '--data-dir', dataDir])).toMatchObject({ code: 0, stderr: '' });
  });

  it('is a cloud that the unmodified client uses', async () => {
    await installClient();
    const flavors = JSON.parse(await runOnce(join(dataDir, 'clouds.yaml'), 'cellzero', 'flavor list -f json'));
    expect(flavors).toHaveLength(5);
  });
});

describe('a boot', () => {
  let fits: string;
  let fitsNowhere: string;

  it('that fits ends ACTIVE on a host of a cell', async () => {
    fits = await boot(demo, {});
    const { status, 'OS-EXT-SRV-ATTR:host': host } = await settled(fits);
    expect({ status, host }).toEqual({ status: 'ACTIVE', host: expect.stringMatching(/^cell[12]-host[12]$/) });
    expect(await statesOf(fits)).toEqual(['BootOne']);
  });

  it('that fits nowhere comes through the catch branch into the cluster of cell0', async () => {
    const flavor = { name: 'giant', vcpus: 1, ram: 512, disk: 1_000 };
    const { body } = await admin.send<{ flavor: { id: string } }>('POST', '/flavors', { flavor });
    fitsNowhere = await boot(demo, { flavorRef: body.flavor.id });
    const { status, fault } = await settled(fitsNowhere);
    expect({ status, fault }).toMatchObject({ status: 'ERROR', fault: { code: 500, message: expect.stringContaining('No valid host') } });
    expect(await statesOf(fitsNowhere)).toEqual(['BootOne', 'BuryInCell0']);
    expect(await rowsOf('cell0', fitsNowhere)).toEqual([{ vm_state: 'error' }]);
    expect(await rowsOf('cell0', fits)).toEqual([]);
    for (const cell of ['cell1', 'cell2']) expect(await rowsOf(cell, fitsNowhere)).toEqual([]);
  });

  it('is listed, shown and deleted like the other', async () => {
    const list = async () => (await demo.send<{ servers: { id: string }[] }>('GET', '/servers')).body.servers.map(({ id }) => id);
    expect(await list()).toEqual([fitsNowhere, fits]);
    for (const id of [fits, fitsNowhere]) expect((await demo.send('DELETE', `/servers/${id}`)).status).toBe(204);
    await vi.waitFor(async () => expect(await list()).toEqual([]), 10_000);
    expect((await demo.send('GET', `/servers/${fitsNowhere}`)).status).toBe(404);
  });
});

it('opens a database to its own secret only', async () => {
  const [api, cell0] = await Promise.all(
    ['api-database', 'cell0'].map(async (stack) => parseDatabaseUrl(await databaseOf(dataDir, stack))),
  );
  if (!api || !cell0) throw new Error('there are two');
  await expect(query({ ...api, secretArn: cell0.secretArn }, 'select 1')).rejects.toThrow('password authentication failed');
  await expect(query({ ...api, secretArn: 'another' }, 'select 1')).rejects.toThrow('secret another was not found');
  await expect(query({ ...api, clusterArn: `${api.clusterArn}0` }, 'select 1')).rejects.toThrow('HttpEndpoint is not enabled');
});

describe('a next deploy', () => {
  let tree: string;

  beforeAll(async () => {
    tree = await copyTree(join(temporary, 'next'));
    const further = '"cells": ["cell1", "cell2", "cell3"],\n    "simulation": { "reportAfter": 2, "opensSecrets": true }';
    await change(join(tree, 'cdk.json'), '"cells": ["cell1", "cell2"]', further);
  });

  // It bootstraps and synthesises once more, as the page says.
  it('by the command lines of docs/deploy.md adds a cell and has hosts report later, by a changed line each, without a failed request', {
    timeout: 300_000,
  }, async () => {
    const [commands = ''] = await documented('Deploy');
    expect(commands).toContain('npx cdk bootstrap');
    expect(commands).toContain('npx cdk deploy --all');
    const { asked, failed } = await askAllAlong(demo, () => perform(commands, { tree, dataDir, environment }));
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(50);
    const server = await boot(admin, { host: 'cell3-host1' });
    expect(await settled(server)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': 'cell3-host1' });
    expect(await rowsOf('cell3', server)).toEqual([{ vm_state: 'active' }]);
  });

  it('connects the queue of reports: a boot and an action end by it, and no execution waits', async () => {
    const id = await boot(admin, { host: 'cell3-host1' });
    const cell = parseDatabaseUrl(await databaseOf(dataDir, 'cell3'));
    const taskOf = 'select task from instances where uuid = :id::uuid';
    await vi.waitFor(
      async () => {
        const begun = { action: 'create', due_at: expect.any(String) };
        expect(await query(cell, taskOf, { id })).toEqual([{ task: expect.objectContaining(begun) }]);
      },
      { timeout: 20_000, interval: 50 },
    );
    expect(await statesOf(id)).toEqual(['BootOne']);
    expect(await settled(id)).toMatchObject({ status: 'ACTIVE' });

    expect((await admin.send('POST', `/servers/${id}/action`, { 'os-stop': null })).status).toBe(202);
    const show = async () => (await admin.send<{ server: object }>('GET', `/servers/${id}`)).body.server;
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': 'powering-off' });
    await vi.waitFor(async () => expect(await show()).toMatchObject({ status: 'SHUTOFF', 'OS-EXT-STS:task_state': null }), 20_000);
  });

  it('rolls back when a migration fails, and the API serves all along', async () => {
    const migrations = join(tree, 'database/cell/migrations/index.ts');
    await change(migrations, 'export const cellMigrations', 'const sound');
    const broken = `{ version: 99, name: 'broken', sql: 'drop table instances cascade; select 1 / 0;' }`;
    await appendFile(migrations, `export const cellMigrations: readonly Migration[] = [...sound, ${broken}];\n`);
    const { result, failed } = await askAllAlong(demo, () => deploy({ dataDir, environment, tree }).catch((error: unknown) => error));
    expect(result).toBeInstanceOf(CdkFailed);
    expect(String(result)).toContain('division by zero');
    expect(failed).toEqual([]);
    const { 'control-plane': controlPlane, ...databases } = await stackStatuses();
    expect(controlPlane).toBe('UPDATE_COMPLETE');
    expect(databases).toMatchObject({ cell0: 'UPDATE_ROLLBACK_COMPLETE', cell1: 'UPDATE_ROLLBACK_COMPLETE' });
    expect(await settled(await boot(demo, {}))).toMatchObject({ status: 'ACTIVE' });
  });
});

it('loses a cell by the command lines of docs/cells.md, and serves on without it', { timeout: 120_000 }, async () => {
  const [disable = '', remove = '', destroy = ''] = await documented('Taking a cell out', 'cells.md');
  const listed = await cellzero(['cell_v2', 'list_cells', '--json', '--data-dir', dataDir]);
  const { uuid }: { uuid: string } = JSON.parse(listed.stdout).find(({ name }: { name: string }) => name === 'cell3');
  const place = { tree: join(temporary, 'next'), dataDir, environment };
  await perform(disable.replaceAll('UUID', uuid), place);
  const { body } = await admin.send<{ servers: Server[] }>('GET', '/servers/detail?all_tenants=1');
  const there = body.servers.filter((server) => server['OS-EXT-SRV-ATTR:host']?.startsWith('cell3'));
  expect(there.length).toBeGreaterThan(0);
  for (const { id } of there) expect((await admin.send('DELETE', `/servers/${id}`)).status).toBe(204);
  // Their hosts report later that they have ended them.
  const api = parseDatabaseUrl(environment.API_DATABASE);
  const ids = there.map(({ id }) => id);
  const held = 'select used from allocations where consumer_id in (select jsonb_array_elements_text(:ids::jsonb)::uuid)';
  await vi.waitFor(async () => expect(await query(api, held, { ids })).toEqual([]), 20_000);
  // As nova-manage, the command ends with 1 when it has archived something.
  await perform(remove.replace('--until-complete', '--until-complete || [ $? = 1 ]').replaceAll('UUID', uuid), place);
  await perform(destroy, place);
  expect(Object.keys(await stackStatuses())).not.toContain('cell3');
  expect(await settled(await boot(demo, {}))).toMatchObject({ status: 'ACTIVE' });
});

it('stands the audit', async () => {
  const { code, stdout, stderr } = await cellzero(['audit', '--data-dir', dataDir]);
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: expect.stringContaining('(cell0, cell1, cell2): clean') });
});

describe('a cloud in production', () => {
  const clusters = () => ask('rds', '/', new URLSearchParams({ Action: 'DescribeDBClusters', Version: '2014-10-31' }));
  const functions = () => ask('lambda', '/2015-03-31/functions/');
  const secrets = () => ask('secretsmanager', '/', '{}', 'secretsmanager.ListSecrets');
  const place = () => ({ tree: join(temporary, 'next'), dataDir, environment });

  it('loses nothing with its stacks: its databases and their secrets stay, protected', async () => {
    const [stacks = ''] = await documented('Taking it down');
    expect(await functions()).toContain('cellzero-cell0');
    await perform(stacks, place());
    expect(await stackStatuses()).toEqual({ network: 'CREATE_COMPLETE' });
    expect(await functions()).not.toContain('cellzero');
    const kept = (await clusters()).match(/<DBClusterArn>.*?</g);
    expect(kept).toHaveLength(5);
    expect((await clusters()).match(/<DeletionProtection>true</g)).toHaveLength(5);
    expect(JSON.parse(await secrets()).SecretList).toHaveLength(10);
  });

  // Some thirty commands, each a process of Python.
  it('is gone for good by the command lines of docs/deploy.md', { timeout: 300_000 }, async () => {
    const [, databases = ''] = await documented('Taking it down');
    await perform(databases, place());
    expect(await stackStatuses()).toEqual({});
    expect(await clusters()).not.toContain('<DBClusterArn>');
    expect(JSON.parse(await secrets()).SecretList).toEqual([]);
  });
});

/** Asks a service of the emulator in the words of its protocol. */
async function ask(service: string, path: string, body?: URLSearchParams | string, target?: string): Promise<string> {
  const scope = `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  const answer = await fetch(`${environment.AWS_ENDPOINT_URL}${path}`, {
    headers: { authorization: scope, ...(target && { 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' }) },
    ...(body && { method: 'POST', body }),
  });
  return await answer.text();
}

it('ends at SIGTERM, with nothing left of it', async () => {
  const pids = await family(emulation.child.pid);
  emulation.child.kill('SIGTERM');
  expect(await emulation.ended).toBe(0);
  expect(await leftOf(pids)).toEqual([]);
});

// An emulator that runs elsewhere is not ours to end.
it.skipIf(process.env.CELLZERO_EMULATOR_ENDPOINT)('leaves nothing running when it is killed in the middle of a deploy', async () => {
  const folder = join(temporary, 'tmp');
  await mkdir(folder);
  // As the system's own: PostgreSQL's user may remove its folder in it.
  await chmod(folder, 0o1777);
  const one = emulate(join(temporary, 'killed'), folder);
  onTestFinished(() => void one.child.kill());
  await one.says(/Deploying cellzero-cell0/);
  const pids = await family(one.child.pid);
  one.child.kill('SIGKILL');
  await one.ended;
  expect(await leftOf(pids)).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
});
