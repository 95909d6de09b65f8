/** `npm start` as a person meets it: a process of its own, with signals, kills and mistakes. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { glob, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { logIn } from '../../local/demo/client.ts';
import { family, leftOf } from '../fixtures/processes.ts';
import { dataDir, start, startProcesses, temporary } from './start/processes.ts';

/** Several starts in one test, on a machine that runs other tests too. */
vi.setConfig({ testTimeout: 90_000 });

startProcesses();

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
