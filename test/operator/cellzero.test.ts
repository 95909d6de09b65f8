/** The command, run for real: beside a running service, on the data of a stopped one, and where there is none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findServersByName } from '../../compute/servers/find-by-name.ts';
import { query } from '../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { databaseUrl } from '../../local/aws/arns.ts';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { nobody, requestBuild, rest, runner } from '../fixtures/damage.ts';
import { cellzero } from './run.ts';

let parent: string;
let dataDir: string;
let cloud: Cloud;
let active: string;
let buried: string;
let gone: string;
let project: string;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'cellzero-operator-'));
  dataDir = join(parent, 'data');
  // It is stopped, and its data must be whole without it.
  cloud = await startCloud({ dataDir, postgres: undefined });
  const user = await cloud.newUser();
  project = user.projectId;
  active = await user.boot({ name: 'web' });
  gone = await user.boot({ name: 'gone' });
  const flavorRef = await cloud.newFlavor({ disk: 5_000 });
  buried = await user.boot({ name: 'large', flavorRef });
  for (const id of [active, gone, buried]) await user.settled(id);
  await user.send('DELETE', `/servers/${gone}`);
  await rest(cloud);
  // The API refuses such a name; a terminal must not meet it even so.
  for (const cell of ['cell1', 'cell2']) {
    const database = parseDatabaseUrl(databaseUrl(cell));
    await query(database, 'update instances set display_name = :name where uuid = :id::uuid', { id: active, name: 'web \u001b[31m' });
  }
});
afterAll(async () => {
  await cloud?.stop();
  await rm(parent, { recursive: true, force: true });
});

const onCell0 = (sql: string) => query(parseDatabaseUrl(databaseUrl('cell0')), sql, { id: buried });
const atDataDir = (...args: string[]) => cellzero([...args, '--data-dir', dataDir]);

test('help, usage errors and a missing deployment have their exit codes', async () => {
  const help = await cellzero(['audit', '--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 /);
  expect(help.stdout).toContain('orphan-mapping');
  for (const args of [[], ['nonsense'], ['audit', '--nonsense'], ['explain'], ['audit', '--patience', 'x']]) {
    expect(await cellzero(args), args.join(' ')).toMatchObject({ code: 2, stdout: '' });
  }
  const nowhere = await cellzero(['audit'], { CELLZERO_DATA_DIR: join(parent, 'nowhere') });
  expect(nowhere).toMatchObject({ code: 3, stdout: '' });
  expect(nowhere.stderr).toMatch(/^cellzero: .*nowhere holds no deployment/);
  expect(existsSync(join(parent, 'nowhere'))).toBe(false);
});

test('beside a running service: clean, then damaged, for people and for scripts', async () => {
  const clean = await atDataDir('audit', '--settled');
  expect(clean).toMatchObject({ code: 0, stderr: '', stdout: 'Audit of 2 servers in 3 cells (cell0, cell1, cell2): clean.\n' });

  await onCell0(`update instances set host = 'nowhere' where uuid = :id::uuid`);
  const damaged = await cellzero(['audit'], { CELLZERO_DATA_DIR: dataDir });
  const scripted = await atDataDir('audit', '--json');
  await onCell0('update instances set host = null where uuid = :id::uuid');
  expect(damaged.code).toBe(1);
  expect(damaged.stdout).toMatch(/^\+-+\+-+\+-+\+-+\+\n\| Broken property +\| Kind +\| Concerns +\| What is wrong +\|\n/);
  expect(damaged.stdout).toMatch(new RegExp(`cell0-with-host \\| server ${buried} \\| It is in cell0, but on host nowhere\\.`));
  expect(damaged.stdout).toContain(': 1 broken.');
  expect(scripted.code).toBe(1);
  expect(JSON.parse(scripted.stdout)).toMatchObject({
    clean: false,
    servers: 2,
    findings: [{ kind: 'cell0-with-host', property: 'Cell0 holds the unschedulable and nothing else', ids: { server: buried } }],
    pending: [],
    unreadable: [],
  });
});

test('a cell that is down makes an audit fail', async () => {
  cloud.service.dataApi.faults.add({ cluster: 'cell1', kind: 'down' });
  const { code, stdout } = await atDataDir('audit', '--settled');
  cloud.service.dataApi.faults.clear();
  expect(code).toBe(1);
  expect(stdout).toMatch(/Not read to the end.*\n.*\n\| Cell +\| Why/);
});

test('explain shows why a server is buried, where one runs, and what became of a deleted one', async () => {
  const why = await atDataDir('explain', buried);
  expect(why.code).toBe(0);
  expect(why.stdout).toMatch(/\| status +\| ERROR/);
  expect(why.stdout).toMatch(/\| where +\| cell0, on no host/);
  expect(why.stdout).toMatch(/Fault 500, [\dT:.-]+Z:/);
  expect(why.stdout).toContain('  First cause: DISK_GB.');
  expect(why.stdout).toMatch(/\| create \| conductor_schedule_and_build_instances \|/);
  expect(why.stdout).toContain('An audit finds nothing wrong with it.');

  const where = await atDataDir('explain', active.toUpperCase());
  for (const { stdout } of [why, where, await atDataDir('explain', gone)]) {
    expect(stdout).toMatch(/\| accepted +\| [\dT:.-]+Z +\|/);
    expect(stdout).not.toContain('+00:00');
  }
  expect(where.stdout).toMatch(/\| where +\| cell\d, on cell\d-host\d/);
  expect(where.stdout).toMatch(/\| allocations +\| cell\d-host\d: /);
  expect(where.stdout).toContain('web \\u001b[31m');

  const deleted = JSON.parse((await atDataDir('explain', gone, '--json')).stdout);
  expect(deleted).toMatchObject({
    server: gone,
    entry: { markedDeleted: true, allocations: [] },
    state: { status: 'DELETED' },
    findings: [],
  });
  expect(deleted.actions.map(({ action: { action } }: { action: { action: string } }) => action)).toEqual(['delete', 'create']);

  const unknown = await atDataDir('explain', '00000000-0000-4000-8000-000000000000');
  expect(unknown).toMatchObject({ code: 1, stdout: expect.stringContaining('not found') });
});

test('buried counts by first cause', async () => {
  const { code, stdout } = await atDataDir('buried', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ cause: 'DISK_GB', project, servers: 1 }]);
  expect((await atDataDir('buried')).stdout).toMatch(/\| DISK_GB +\| [0-9a-f]{32} \| 1 +\|/);
  expect((await atDataDir('buried', '--days', '0')).stdout).toBe('Nothing is buried.\n');
});

test('buried lists the servers themselves', async () => {
  const { code, stdout } = await atDataDir('buried', '--servers', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    { uuid: buried, name: 'large', project, cause: 'DISK_GB', buried: expect.stringMatching(/^\d{4}-/) },
  ]);
  expect((await atDataDir('buried', '--servers')).stdout).toMatch(new RegExp(`\\| ${buried} \\| large \\| ${project} \\| DISK_GB +\\|`));
  expect((await atDataDir('buried', '--servers', '--days', '0')).stdout).toBe('Nothing is buried.\n');
});

test('explain finds a server by its name: the living one, else the deleted one, and lists several', async () => {
  const explained = async (name: string) => {
    const { code, stdout, stderr } = await atDataDir('explain', name, '--json');
    return { code, stderr, said: JSON.parse(stdout) };
  };
  expect(await explained('large')).toMatchObject({ code: 0, stderr: '', said: { server: buried } });
  expect(await explained('gone')).toMatchObject({ code: 0, said: { server: gone, entry: { markedDeleted: true } } });
  expect(await explained('unknown')).toMatchObject({ code: 1, said: null });
  expect(await explained('lar.*')).toMatchObject({ code: 1, said: null });

  await onCell0(`update instances set display_name = 'gone' where uuid = :id::uuid`);
  expect(await explained('gone')).toMatchObject({ code: 0, said: { server: buried } });
  await onCell0(`update instances set display_name = 'large' where uuid = :id::uuid`);
  for (const cell of ['cell1', 'cell2']) {
    const named = `update instances set display_name = 'large' where uuid = :id::uuid`;
    await query(parseDatabaseUrl(databaseUrl(cell)), named, { id: active });
  }
  const several = await explained('large');
  expect(several.code).toBe(1);
  expect(several.said.servers.map(({ uuid }: { uuid: string }) => uuid).toSorted()).toEqual([active, buried].toSorted());
  expect((await atDataDir('explain', 'large')).stdout).toMatch(/^Several servers are named large; say which by its id\.\n\+/);

  cloud.service.dataApi.faults.add({ cluster: 'cell1', kind: 'down' });
  const partly = await explained('gone');
  cloud.service.dataApi.faults.clear();
  expect(partly.stderr).toContain('cell1 could not be asked for the name');
});

test('a name finds a server that waits for its cell', async () => {
  const { api } = cloud.service;
  const { id } = nobody();
  await requestBuild(runner(cloud), id, project);
  const { servers } = await findServersByName(api, 'damaged');
  await query(api, 'delete from build_requests where instance_uuid = :id::uuid', { id });
  expect(servers).toMatchObject([{ uuid: id, project, deleted: false }]);
});

test('API_DATABASE is used as it is', async () => {
  const { AWS_ENDPOINT_URL_RDS_DATA = '', AWS_REGION = '' } = process.env;
  const environment = { AWS_ENDPOINT_URL_RDS_DATA, AWS_REGION, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
  const cloudLike = { ...environment, API_DATABASE: databaseUrl('api'), CELLZERO_DATA_DIR: '/nowhere' };
  expect((await cellzero(['audit'], cloudLike)).code).toBe(0);
  expect((await cellzero(['audit'], { ...cloudLike, API_DATABASE: databaseUrl('none') })).code).toBe(3);
});

test('on the data of a stopped service, also when it was killed and left its endpoint behind', { timeout: 60_000 }, async () => {
  const endpoint = join(dataDir, 'endpoint.json');
  const left = await readFile(endpoint, 'utf8');
  await cloud.stop();
  expect(existsSync(endpoint)).toBe(false);
  const stopped = await atDataDir('audit', '--settled', '--json');
  expect(stopped).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(stopped.stdout)).toMatchObject({ clean: true, servers: 2, findings: [], cells: ['cell0', 'cell1', 'cell2'] });

  await writeFile(endpoint, left);
  expect((await atDataDir('explain', buried)).stdout).toContain('First cause: DISK_GB');
  await writeFile(endpoint, 'half a fi');
  expect((await atDataDir('buried')).code).toBe(0);

  const killed = await startAndKill(dataDir);
  expect(JSON.parse(await readFile(endpoint, 'utf8')).pid).toBe(killed);
  expect((await atDataDir('audit', '--settled')).code).toBe(0);
});

/** Starts a service as an operator does, waits until it is ready, and ends it without a chance to clean up; returns its process. */
async function startAndKill(dataDir: string): Promise<number | undefined> {
  const script = fileURLToPath(new URL('../../local/start.ts', import.meta.url));
  const child = spawn(process.execPath, [script, '--port', '0', '--data-dir', dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const text of child.stdout) if (String(text).includes('is ready')) break;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  return child.pid;
}
