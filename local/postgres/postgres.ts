/**
 * One PostgreSQL that lives as long as this process: it starts with us, stops with us, and outlives us by no more than a clean shutdown, even when
 * this process is killed. It listens on a unix socket only, in a folder nobody else may enter, so it needs no password and no free port.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, escapeIdentifier } from 'pg';
import { superviseProcess } from '../processes/supervised-process.ts';
import { giveTo, type Runner, serverRunner } from './postgres-user.ts';

/** A running server. */
export interface Postgres {
  /** What `pg` needs to connect, beside the name of a database. */
  readonly connection: { readonly host: string; readonly user: string };
  /** Makes a database unless it exists, and returns the name that it has on this server. */
  createDatabase(name: string): Promise<string>;
  /** Resolves when the server has ended, asked to or not. */
  readonly ended: Promise<void>;
  /** Stops the server and, when it is ephemeral, removes its data. May be called twice. */
  stop(): Promise<void>;
}

/** Another living server uses the data directory. */
export class DataDirectoryInUse extends Error {
  override name = 'DataDirectoryInUse';
}

const superuser = 'postgres';

/** The longest unix socket path is about 100 characters; the socket's own name takes 15 of them. */
const longestSocketDirectory = 80;

/** How long a server whose parent was just killed may look alive before it must be someone else's, and how long its shutdown may take. */
const orphanNotices = 1_000;
const orphanStops = 15_000;

const startsWithin = 60_000;
/** How much of the server's log is kept to explain a failed start, in characters. */
const keptLog = 8_192;

const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  max_connections: '200',
  shared_buffers: '64MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '256MB',
  huge_pages: 'off',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_min_messages: 'log',
};

/** Data that is thrown away need not survive a crash of the machine. */
const ephemeralSettings: Readonly<Record<string, string>> = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };

/**
 * Starts PostgreSQL on a data directory, made when it is missing; without one the data lives in a temporary folder until the server stops.
 * What a statement of a server with a data directory has acknowledged survives `kill -9` and a power failure.
 * @throws DataDirectoryInUse when another living server uses the directory.
 */
export async function startPostgres({ dataDir }: { dataDir: string | undefined }): Promise<Postgres> {
  const socketDir = await temporaryFolder();
  const ephemeral = dataDir === undefined;
  const data = ephemeral ? join(socketDir, 'data') : resolve(dataDir);
  try {
    await mkdir(dirname(data), { recursive: true });
    // The temporary folder is closed to the server's user until it is given to him; what counts is the way to it.
    const runner = await serverRunner(dirname(ephemeral ? socketDir : data), socketDir);
    await giveTo(runner, socketDir);
    if (!ephemeral) await waitForOrphan(data);
    await initialise(runner, data);
    return await serve(runner, data, socketDir, ephemeral);
  } catch (error) {
    await rm(socketDir, { recursive: true, force: true });
    throw error;
  }
}

async function temporaryFolder(): Promise<string> {
  const base = tmpdir().length > longestSocketDirectory - 20 ? '/tmp' : tmpdir();
  const folder = await mkdtemp(join(base, 'cellzero-pg-'));
  await chmod(folder, 0o700);
  return folder;
}

/** A killed parent's server needs a moment to notice and to shut down; only one that stays ready belongs to somebody. */
async function waitForOrphan(data: string): Promise<void> {
  const started = Date.now();
  for (;;) {
    const [pid, , , , , , , state] = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (!pid || !isAlive(Number(pid))) return;
    const waited = Date.now() - started;
    if (waited > (state?.trim() === 'ready' ? orphanNotices : orphanStops)) {
      throw new DataDirectoryInUse(`another PostgreSQL (process ${pid}) uses ${data}`);
    }
    await sleep(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Makes the cluster aside and renames it, so that a kill in between leaves nothing that looks finished. */
async function initialise(runner: Runner, data: string): Promise<void> {
  if (existsSync(join(data, 'PG_VERSION'))) return await giveTo(runner, data);
  const fresh = `${data}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  await giveTo(runner, fresh);
  const options = ['--auth-local=trust', '--auth-host=reject', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  const [command, ...rest] = runner.command('initdb', ['-D', fresh, '-U', superuser, ...options]);
  const child = spawn(command, rest, { ...runner.identity, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`initdb failed: ${complaint}`);
  await rename(fresh, data).catch((error: unknown) => {
    throw new Error(`${data} exists and holds no PostgreSQL cluster`, { cause: error });
  });
}

async function serve(runner: Runner, data: string, socketDir: string, ephemeral: boolean): Promise<Postgres> {
  const all = { ...settings, ...(ephemeral ? ephemeralSettings : {}), unix_socket_directories: socketDir };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = runner.command('postgres', ['-D', data, ...options]);
  const server = superviseProcess(command, { ...runner.identity, signal: ephemeral ? 'QUIT' : 'INT', leftover: socketDir, log: 'pipe' });
  await ready(server.log.setEncoding('utf8'), server.exited, data);

  const connection = { host: socketDir, user: superuser };
  return {
    connection,
    createDatabase: (name) => createDatabase(connection, name),
    ended: server.exited.then(() => undefined),
    async stop() {
      await server.stop();
      await rm(socketDir, { recursive: true, force: true });
    },
  };
}

/** Reads the server's log until it accepts connections, and goes on reading so that the pipe never fills. */
async function ready(log: NodeJS.ReadableStream, exited: Promise<unknown>, data: string): Promise<void> {
  let text = '';
  const accepts = new Promise<void>((done) => {
    log.on('data', (part: string) => {
      text = (text + part).slice(-keptLog);
      if (text.includes('ready to accept connections')) done();
    });
  });
  const timer = new AbortController();
  const patience = sleep(startsWithin, undefined, { signal: timer.signal }).catch(() => undefined);
  const outcome = await Promise.race([accepts.then(() => 'ready'), exited.then(() => 'exited'), patience.then(() => 'late')]);
  timer.abort();
  if (outcome === 'ready') return;
  if (text.includes('postmaster.pid" already exists')) throw new DataDirectoryInUse(`another PostgreSQL uses ${data}`);
  throw new Error(`PostgreSQL did not start: ${text}`);
}

async function createDatabase(connection: Postgres['connection'], name: string): Promise<string> {
  const client = new Client({ ...connection, database: superuser });
  await client.connect();
  try {
    await client.query(`create database ${escapeIdentifier(name)}`);
  } catch (error) {
    const duplicate = error instanceof Error && 'code' in error && (error.code === '42P04' || error.code === '23505');
    if (!duplicate) throw error;
  } finally {
    await client.end();
  }
  return name;
}
