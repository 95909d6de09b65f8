/** `npm start` as a person meets it: a process of its own, with signals, kills and mistakes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, glob, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { defaultSettings } from '../../compute/settings.ts';
import { logIn } from '../../local/demo/client.ts';
import { greeting } from '../../local/start/greeting.ts';
import { readOptions } from '../../local/start/options.ts';
import { family, leftOf } from '../fixtures/processes.ts';

/** Several starts in one test, on a machine that runs other tests too. */
vi.setConfig({ testTimeout: 90_000 });

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A process that starts or serves. */
interface Started {
  child: ChildProcess;
  /** Resolves with the URL, or rejects when the process ends first. */
  ready: Promise<string>;
  /** Everything printed so far. */
  printed(): string;
  /** The exit code; null when a signal killed it. */
  ended: Promise<number | null>;
}

let temporary: string;
let dataDir: string;
const started: Started[] = [];

beforeEach(async () => {
  temporary = await mkdtemp('/tmp/cellzero-test-');
  // PostgreSQL runs as another user when we are root.
  await chmod(temporary, 0o755);
  dataDir = join(temporary, 'data');
});

afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  }
  await rm(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

function start(options: readonly string[], command = process.execPath, before: readonly string[] = ['local/start.ts']): Started {
  const child = spawn(command, [...before, ...options], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a process group of its own, as a shell starts it.
    detached: true,
  });
  let printed = '';
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const ready = new Promise<string>((resolve, reject) => {
    const read = (text: string) => {
      printed += text;
      const [, url] = /ready on (\S+)/.exec(printed) ?? [];
      if (url && printed.includes('Ctrl-C')) resolve(url);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    void ended.then(() => reject(new Error(`it ended without being ready: ${printed}`)));
  });
  ready.catch(() => {});
  const one = { child, ready, printed: () => printed, ended };
  started.push(one);
  return one;
}

const serve = (...options: string[]) => start(['--data-dir', dataDir, '--port', '0', ...options]);

/** Waits until a start has made a file or folder. */
async function appears(path: string): Promise<void> {
  for (const end = Date.now() + 10_000; !existsSync(path); await sleep(2)) if (Date.now() > end) throw new Error(`no ${path}`);
}

/** The pid of the only server below the folder of this test. */
async function postmaster(): Promise<number> {
  for await (const file of glob(join(temporary, '**/postmaster.pid'))) return Number.parseInt(await readFile(file, 'utf8'), 10);
  throw new Error(`no server in ${temporary}`);
}

const passwordsOf = async (directory: string) => JSON.parse(await readFile(join(directory, 'passwords.json'), 'utf8'));
const member = async (url: string) => logIn({ url, passwords: await passwordsOf(dataDir) }, 'demo');
const small = { name: 'small', flavorRef: '1', imageRef: 'c1220500-0000-4000-8000-000000000001', networks: 'none' };

describe('a start', () => {
  it('is ready soon, says what to type, and keeps passwords and data for the next one', async () => {
    const first = serve();
    const url = await first.ready;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(first.printed()).toContain(`OS_CLIENT_CONFIG_FILE=${dataDir}/clouds.yaml OS_CLOUD=cellzero`);
    expect(first.printed()).toContain('2 live cells of 2 simulated hosts');
    const clouds = await readFile(join(dataDir, 'clouds.yaml'), 'utf8');
    expect(clouds).toMatch(/^ {2}cellzero:\n.*^ {2}cellzero-admin:\n/ms);
    expect((await stat(join(dataDir, 'clouds.yaml'))).mode & 0o777).toBe(0o600);
    const { status, body } = await (await member(url)).send<{ server: { id: string } }>('POST', '/servers', { server: small });
    expect(status).toBe(202);
    const passwords = await passwordsOf(dataDir);
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);

    const second = serve('--cells', '1', '--hosts', '1');
    const again = await member(await second.ready);
    expect((await again.send('GET', `/servers/${body.server.id}`)).status).toBe(200);
    expect(await passwordsOf(dataDir)).toEqual(passwords);
    const seconds = [first, second].map(({ printed }) => Number(/after ([\d.]+) s/.exec(printed())?.[1]));
    // 5 s and 2 s on an idle machine; tests share theirs.
    expect(seconds[0]).toBeLessThan(15);
    expect(seconds[1]).toBeLessThan(6);
  });

  it('behind a proxy has links, a catalog and a clouds.yaml of where clients reach it', async () => {
    const linkOf = async (url: string, headers: Record<string, string>) => {
      const { version } = (await (await fetch(`${url}/v2.1`, { headers })).json()) as { version: { links: { href: string }[] } };
      return version.links[0]?.href;
    };
    const forwarded = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'cloud.example' };
    const { ready, child, ended } = serve('--cells', '1', '--hosts', '1');
    const plain = await ready;
    expect(await linkOf(plain, {})).toBe(`${plain}/v2.1/`);
    expect(await linkOf(plain, forwarded)).toBe('https://cloud.example/v2.1/');
    child.kill('SIGTERM');
    await ended;

    const url = await serve('--public-url', 'https://nova.example/', '--cells', '1', '--hosts', '1').ready;
    expect(await linkOf(url, forwarded)).toBe('https://nova.example/v2.1/');
    expect(await readFile(join(dataDir, 'clouds.yaml'), 'utf8')).toContain('auth_url: "https://nova.example/identity/v3"');
    const { demo } = await passwordsOf(dataDir);
    const user = { name: 'demo', domain: { id: 'default' }, password: demo };
    const body = JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } } } });
    const login = await fetch(`${url}/identity/v3/auth/tokens`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    expect(await login.text()).toContain('"url":"https://nova.example/image"');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends at %s, with nothing left of it', async (signal) => {
    const { child, ready, ended } = start(['--ephemeral', '--port', '0']);
    await ready;
    const pids = await family(child.pid);
    expect(pids.length).toBeGreaterThan(2);
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(await leftOf(pids)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('ends while it still starts, wherever it is, and the next one works', async () => {
    for (const made of ['', 'postgres/postmaster.pid', 'passwords.json', 'postgres.new']) {
      await rm(dataDir, { recursive: true, force: true });
      const one = serve();
      await appears(join(dataDir, made));
      const pids = await family(one.child.pid);
      // As a terminal does, to all at once, and as npm does, once more.
      process.kill(-(one.child.pid ?? 0), 'SIGINT');
      one.child.kill('SIGINT');
      expect({ made, code: await one.ended, printed: one.printed() }).toEqual({ made, code: 0, printed: '' });
      expect(await leftOf(pids)).toEqual([]);
      expect(await readdir(temporary)).toEqual(['data']);
    }
    await serve().ready;
  });

  it('ends at once at the second Ctrl-C', async () => {
    const { child, ready, ended } = serve();
    const { port } = new URL(await ready);
    const pids = await family(child.pid);
    const half = connect(Number(port), '127.0.0.1');
    half.on('error', () => {});
    half.write('POST /v2.1/servers HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n');
    await once(half, 'connect');
    await sleep(100);
    child.kill('SIGINT');
    await sleep(800);
    expect(child.exitCode).toBe(null);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(await leftOf(pids)).toEqual([]);
  });

  it('leaves nothing running when it fails halfway', async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'passwords.json'), '{}');
    const one = serve();
    await appears(join(dataDir, 'postgres/postmaster.pid'));
    const pids = await family(one.child.pid);
    expect(await one.ended).toBe(1);
    expect(one.printed()).toContain('ZodError');
    expect(await leftOf(pids)).toEqual([]);
  });

  it('works through npm, which passes its signals on', async () => {
    const one = start(['--ephemeral', '--port', '0'], 'npm', ['start', '--']);
    await one.ready;
    const pids = await family(one.child.pid);
    one.child.kill('SIGTERM');
    await one.ended;
    expect(await leftOf(pids)).toEqual([]);
  });
});

it('says in two lines that its data or its port is taken, and leaves the other alone', async () => {
  const url = await serve().ready;
  const sameData = serve();
  expect(await sameData.ended).toBe(1);
  expect(sameData.printed()).toBe(
    `Another Cellzero is running on the data in ${dataDir}.\nStop it, or keep other data: npm start -- --data-dir DIR, or --ephemeral\n`,
  );
  const { port } = new URL(url);
  const samePort = start(['--data-dir', join(temporary, 'other'), '--port', port]);
  expect(await samePort.ended).toBe(1);
  expect(samePort.printed()).toBe(
    `Port ${port} of 127.0.0.1 is in use, perhaps by another Cellzero.\nStop what listens there, or take a free port: npm start -- --port 0\n`,
  );
  expect(await readdir(temporary)).not.toContain('other');
  expect((await fetch(url)).status).toBe(200);
});

it('loses nothing it acknowledged when it is killed, and ends every boot at its next start', async () => {
  const first = serve();
  const client = await member(await first.ready);
  const pids = await family(first.child.pid);
  const acknowledged: string[] = [];
  const ask = async () => {
    for (;;) {
      const reply = await client.send<{ server: { id: string } }>('POST', '/servers', { server: small });
      if (reply.status !== 202) return;
      acknowledged.push(reply.body.server.id);
      if (acknowledged.length === 6) first.child.kill('SIGKILL');
    }
  };
  await Promise.allSettled([ask(), ask(), ask()]);
  expect(await first.ended).toBe(null);
  expect(acknowledged.length).toBeGreaterThanOrEqual(6);

  const again = await member(await serve().ready);
  const { body } = await again.send<{ servers: { id: string }[] }>('GET', '/servers');
  expect(body.servers.map(({ id }) => id)).toEqual(expect.arrayContaining(acknowledged));
  const statuses = async () => {
    const all = acknowledged.map((id) => again.send<{ server: { status: string } }>('GET', `/servers/${id}`));
    return (await Promise.all(all)).map(({ status, body }) => (status === 200 ? body.server.status : status));
  };
  await vi.waitFor(async () => expect(await statuses()).toEqual(acknowledged.map(() => 'ACTIVE')), { timeout: 30_000, interval: 100 });
  expect(await leftOf(pids)).toEqual([]);
});

describe('when its PostgreSQL is killed, a service', () => {
  it('ends with a line that says why, and leaves nothing', async () => {
    const one = start(['--ephemeral', '--port', '0']);
    await one.ready;
    const pids = await family(one.child.pid);
    process.kill(await postmaster(), 'SIGKILL');
    expect(await one.ended).toBe(1);
    expect(one.printed()).toMatch(/Ctrl-C.*\nPostgreSQL ended without being asked to, so Cellzero ends too\.\n$/);
    expect(await leftOf(pids)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('ends amid requests and boots too, and the next one has what was acknowledged', async () => {
    const one = serve();
    const client = await member(await one.ready);
    const pids = await family(one.child.pid);
    const asked = await Promise.all([1, 2, 3].map(() => client.send<{ server: { id: string } }>('POST', '/servers', { server: small })));
    const underWay = Promise.allSettled([1, 2, 3].map(() => client.send('POST', '/servers', { server: small })));
    process.kill(await postmaster(), 'SIGKILL');
    await underWay;
    expect(await one.ended).toBe(1);
    expect(one.printed()).toContain('PostgreSQL ended without being asked to');
    expect(await leftOf(pids)).toEqual([]);
    expect(await readdir(dataDir)).not.toContain('endpoint.json');

    const again = await member(await serve().ready);
    const { body } = await again.send<{ servers: { id: string }[] }>('GET', '/servers');
    expect(body.servers.map(({ id }) => id)).toEqual(expect.arrayContaining(asked.map(({ body }) => body.server.id)));
  });
});

describe('the command line', () => {
  it('has defaults', () => {
    expect(readOptions([])).toEqual({ dataDir: join(process.cwd(), '.cellzero'), cells: 2, hosts: 2, host: '127.0.0.1', port: 8_774 });
    expect(readOptions(['--ephemeral', '--port', '0', '--cells=0'])).toMatchObject({ dataDir: undefined, port: 0, cells: 0 });
    expect(readOptions(['--settings', '{"shutdown_timeout":30}']).settings).toEqual({ ...defaultSettings, shutdown_timeout: 30 });
  });

  it.each([
    [['--bogus'], "error: unknown option '--bogus'"],
    [['more'], 'error: too many arguments. Expected 0 arguments but got 1: more.'],
    [['--port'], "error: option '--port <number>' argument missing"],
    [['--port', 'http'], "error: option '--port <number>' argument 'http' is invalid. It takes a whole number from 0 to 65535."],
    [['--port', '70000'], "error: option '--port <number>' argument '70000' is invalid. It takes a whole number from 0 to 65535."],
    [['--cells=-1'], "error: option '--cells <number>' argument '-1' is invalid. It takes a whole number from 0 to 20."],
    [['--cells=1.5'], "error: option '--cells <number>' argument '1.5' is invalid. It takes a whole number from 0 to 20."],
    [['--hosts='], "error: option '--hosts <number>' argument '' is invalid. It takes a whole number from 0 to 1000."],
    [['--host='], "error: option '--host <address>' argument '' is invalid. It takes a name."],
    [
      ['--public-url=nova.example'],
      "error: option '--public-url <url>' argument 'nova.example' is invalid. It takes a URL such as https://nova.example.",
    ],
    [
      ['--settings={"shutdown_timeouts":30}'],
      'error: option \'--settings <json>\' argument \'{"shutdown_timeouts":30}\' is invalid. ✖ Unrecognized key: "shutdown_timeouts"',
    ],
    [['--settings=30s'], "error: option '--settings <json>' argument '30s' is invalid. It takes JSON."],
    [['--data-dir='], "error: option '--data-dir <dir>' argument '' is invalid. It takes a name."],
    [['--ephemeral', '--data-dir', 'x'], "error: option '--ephemeral' cannot be used with option '--data-dir <dir>'"],
  ])('%j is refused with why and what to do', (args, why) => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    onTestFinished(() => write.mockRestore());
    expect(() => readOptions(args)).toThrow(expect.objectContaining({ exitCode: 1 }));
    expect(write.mock.calls.join('')).toBe(`${why}\nSee npm start -- --help.\n`);
  });

  it('has help', async () => {
    const { ended, printed } = start(['--help']);
    expect(await ended).toBe(0);
    for (const option of ['port', 'host', 'data-dir', 'ephemeral', 'cells', 'hosts', 'settings'])
      expect(printed()).toMatch(new RegExp(`^ +--${option} `, 'm'));
  });

  it.each([
    [['--bogus'], /^error: unknown option '--bogus'\nSee npm start -- --help\.\n$/],
    [['--host', '192.0.2.1', '--port', '0'], /^Cannot listen on 192\.0\.2\.1, port 0: E\w+\.\n.*--host 127\.0\.0\.1 --port 0\n$/],
    [['--port', '0', '--data-dir', '/dev/null/data'], /^Cannot keep data in \/dev\/null\/data: ENOTDIR .*\n.*--data-dir DIR\n$/],
  ])('%j cannot be, and it says why and what to do', async (args, message) => {
    const { ended, printed } = start(args);
    expect(await ended).toBe(1);
    expect(printed()).toMatch(message);
  });

  it('warns of an address that lets others in', () => {
    const service = { url: 'http://somewhere:1', cloudsFile: "/a b/it's/clouds.yaml" };
    const options = { dataDir: '/a b', cells: 1, hosts: 0, port: 1 };
    expect(greeting(service, { ...options, host: '0.0.0.0' }, 1_234)).toMatch(/Warning: 0\.0\.0\.0/);
    const quiet = greeting(service, { ...options, host: '127.0.0.1' }, 1_234);
    expect(quiet).not.toContain('Warning');
    expect(quiet).toContain("export OS_CLIENT_CONFIG_FILE='/a b/it'\\''s/clouds.yaml' OS_CLOUD=cellzero");
    expect(quiet).toContain('1 live cell of 0 simulated hosts');
  });
});
