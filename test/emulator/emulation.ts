/** `npm run emulate` as a person runs it, and what a person finds of it in its data directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, logIn } from '../../local/demo/client.ts';
import { type Endpoint, readEndpoint } from '../../local/deployment/endpoint.ts';
import type { Emulator } from '../../local/emulator/emulator.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A process that starts or serves. */
export interface Emulation {
  child: ChildProcess;
  /** Everything printed so far. */
  printed(): string;
  /** Resolves once it prints something that matches; rejects when it ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** The exit code; null when a signal killed it. */
  ended: Promise<number | null>;
}

/** Starts `npm run emulate` on a free port. */
export function emulate(dataDir: string, temporary: string): Emulation {
  const child = spawn(process.execPath, ['local/emulate.ts', '--port', '0', '--data-dir', dataDir], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let over = false;
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => code as number | null);
  void ended.then(() => {
    over = true;
  });
  return {
    child,
    printed: () => printed,
    ended,
    async says(pattern) {
      for (;;) {
        const said = pattern.exec(printed);
        if (said) return said;
        if (over) throw new Error(`it ended: ${printed}`);
        await sleep(20);
      }
    },
  };
}

/** Variables that lead to what runs. */
export async function environmentOf(dataDir: string): Promise<Endpoint['environment'] & Emulator['environment']> {
  const endpoint = await readEndpoint(dataDir);
  if (!endpoint?.environment.AWS_ENDPOINT_URL) throw new Error(`nothing runs in ${dataDir}`);
  const { AWS_ENDPOINT_URL } = endpoint.environment;
  return { ...endpoint.environment, AWS_ENDPOINT_URL };
}

/** URL of the database of a stack. */
export async function databaseOf(dataDir: string, stack: string): Promise<string> {
  const outputs = JSON.parse(await readFile(join(dataDir, 'outputs.json'), 'utf8'));
  return outputs[`cellzero-${stack}`].DatabaseUrl;
}

/** Logs in with what clouds.yaml says. */
export async function clientOf(dataDir: string, name: 'admin' | 'demo'): Promise<Client> {
  const text = await readFile(join(dataDir, 'clouds.yaml'), 'utf8');
  const all = (key: string) => [...text.matchAll(new RegExp(`${key}: (".*")`, 'g'))].map(([, value = '']) => JSON.parse(value) as string);
  const [authUrl = ''] = all('auth_url');
  const [demo = '', admin = ''] = all('password');
  return await logIn({ url: authUrl.replace('/identity/v3', ''), passwords: { admin, demo } }, name);
}

/** Copies what is deployed, to be changed and deployed from there as the next version. */
export async function copyTree(folder: string): Promise<string> {
  const parts = ['cdk.json', 'package.json', 'infra', 'lambdas', 'common', 'compute', 'database', 'identity', 'image'];
  await Promise.all(parts.map((part) => cp(join(root, part), join(folder, part), { recursive: true })));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Changes one place of a file of a tree. */
export async function change(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${from} is not once in ${file}`);
  await writeFile(file, text.replace(from, to));
}

/** Asks the API all the time while something else is done; returns how often, and the answers that were none. */
export async function askAllAlong<Result>(
  client: Client,
  work: () => Promise<Result>,
): Promise<{ result: Result; asked: number; failed: unknown[] }> {
  let working = true;
  let asked = 0;
  const failed: unknown[] = [];
  const asking = (async () => {
    for (; working; asked += 1) {
      const { status } = await client.send('GET', '/servers').catch((error: unknown) => ({ status: error }));
      if (status !== 200) failed.push(status);
      await sleep(20);
    }
  })();
  try {
    const result = await work();
    return { result, asked, failed };
  } finally {
    working = false;
    await asking;
  }
}
