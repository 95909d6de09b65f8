import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { cellzero, type Ended } from './run.ts';

let dataDir: string;
let cloud: Cloud;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cellzero-users-'));
  cloud = await startCloud({ dataDir, cells: 1, hosts: 1 });
  expect((await run(['project', 'create', 'web'])).stdout).toMatch(/^Project web is made, its id is [0-9a-f]{32}\./);
});
afterEach(() => cloud.service.dataApi.faults.clear());
afterAll(async () => {
  await cloud?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const run = (args: readonly string[], input?: string): Promise<Ended> => cellzero([...args, '--data-dir', dataDir], {}, input);

/** Logs in as a client does; returns the token, or the status of the refusal. */
async function login(name: string, password: string, project = 'web'): Promise<string | number> {
  const domain = { name: 'Default' };
  const identity = { methods: ['password'], password: { user: { name, domain, password } } };
  const answer = await fetch(`${cloud.service.url}/identity/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope: { project: { name: project, domain } } } }),
  });
  await answer.body?.cancel();
  return answer.headers.get('x-subject-token') ?? answer.status;
}

/** Boots a server and returns the status of the answer. */
async function boot(token: string | number): Promise<number> {
  const answer = await fetch(`${cloud.service.url}/v2.1/servers`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Auth-Token': String(token), 'OpenStack-API-Version': 'compute 2.100' },
    body: JSON.stringify({ server: { name: 'web', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' } }),
  });
  await answer.body?.cancel();
  return answer.status;
}

test('a created user gets a token and boots; a reader only the token', async () => {
  const made = await run(['user', 'create', 'ci', '--project', 'web', '--json']);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const { password, ...user } = JSON.parse(made.stdout);
  expect(user).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/), name: 'ci', project: 'web', role: 'member' });
  expect(await login('ci', 'wrong')).toBe(401);
  expect(await login('ci', password, 'admin')).toBe(401);
  expect(await boot(await login('ci', password))).toBe(202);

  const reader = await run(
    ['user', 'create', 'reports', '--project', 'web', '--role', 'reader', '--password-file', '-'],
    'from stdin\nrest\n',
  );
  expect(reader.stdout).not.toContain('from stdin');
  expect(await boot(await login('reports', 'from stdin'))).toBe(403);

  expect((await run(['user'])).stdout).toMatch(/\| ci +\| [0-9a-f]{32} \| yes +\| member in web +\|/);
  expect(JSON.parse((await run(['user', 'list', '--json'])).stdout)).toMatchObject([
    { name: 'admin', roles: { admin: ['admin'] } },
    { name: 'ci', enabled: true, roles: { web: ['member'] } },
    { name: 'demo' },
    { name: 'reports', roles: { web: ['reader'] } },
  ]);
});

test('a password is changed from a file, or made; no password is on a command line', async () => {
  await run(['user', 'create', 'keys', '--project', 'web', '--role', 'admin']);
  const file = join(dataDir, 'secret');
  await writeFile(file, 'from a file\r\n');
  expect((await run(['user', 'password', 'keys', '--password-file', file])).stdout).not.toContain('from a file');
  expect(await login('keys', 'from a file')).toEqual(expect.any(String));
  const { password } = JSON.parse((await run(['user', 'password', 'keys', '--json'])).stdout);
  expect(await login('keys', 'from a file')).toBe(401);
  expect(await login('keys', password)).toEqual(expect.any(String));
  expect((await run(['user', 'password', 'keys'])).stdout).toMatch(/\| password +\| [\w-]{24} \|/);

  await writeFile(file, '\n');
  const refused = [
    ['--password-file', file],
    ['--password-file', join(dataDir, 'none')],
    ['--password', 'x'],
  ];
  const ended = await Promise.all(refused.map((options) => run(['user', 'password', 'keys', ...options])));
  expect(ended.map(({ code, stdout }) => [code, stdout])).toEqual(Array(3).fill([2, '']));
});

test('a disabled user logs in no more, until enabled; a deleted one never', { timeout: 60_000 }, async () => {
  const { password } = JSON.parse((await run(['user', 'create', 'shortly', '--project', 'web', '--json'])).stdout);
  for (const [verb, printed, token] of [
    ['disable', 'is disabled.', 401],
    ['enable', 'is enabled.', expect.any(String)],
    ['delete', 'is deleted.', 401],
  ] as const) {
    expect(await run(['user', verb, 'shortly'])).toMatchObject({ code: 0, stdout: `shortly ${printed}\n` });
    expect(await login('shortly', password)).toEqual(token);
  }
  const unknown = await Promise.all(['disable', 'delete', 'password'].map((verb) => run(['user', verb, 'shortly'])));
  expect(unknown).toEqual(Array(3).fill({ code: 1, stdout: '', stderr: 'cellzero: There is no user shortly.\n' }));
});

test('a name that is taken stays whose it is, also when an answer is lost', { timeout: 60_000 }, async () => {
  for (const [sql, args] of [
    ['insert into users', ['user', 'create', 'once', '--project', 'web', '--json']],
    ['insert into projects', ['project', 'create', 'once']],
  ] as const) {
    const lost = cloud.service.dataApi.faults.add({ kind: 'after', sql, nth: 1 });
    expect((await run(args)).code).toBe(0);
    expect(lost.hits).toBe(1);
    expect(await run(args)).toMatchObject({ code: 1, stdout: '', stderr: `cellzero: There is a ${args[0]} once already.\n` });
  }
  expect(await run(['user', 'create', 'lost', '--project', 'nowhere'])).toMatchObject({
    code: 1,
    stderr: 'cellzero: There is no project nowhere.\n',
  });
  const senseless = [
    ['create', 'x'],
    ['create', 'x', '--project', 'web', '--role', 'king'],
    ['create', ' x', '--project', 'web'],
    ['nonsense'],
  ];
  const ended = await Promise.all(senseless.map((args) => run(['user', ...args])));
  expect(ended.map(({ code, stdout }) => [code, stdout])).toEqual(senseless.map(() => [2, '']));
});
