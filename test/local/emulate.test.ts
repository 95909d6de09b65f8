/** What `npm run emulate` says when it cannot start; that it starts is shown in test/emulator. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { advice } from '../../local/emulate/advice.ts';
import { CdkFailed } from '../../local/emulator/cdk.ts';
import { knownApi } from '../../local/emulator/deployment.ts';
import { install, isInstalled } from '../../local/processes/python.ts';

const program = fileURLToPath(new URL('../../local/emulate.ts', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cellzero-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function emulate(options: readonly string[], variables: Record<string, string> = {}): Promise<{ failed: boolean; stderr: string }> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [program, '--data-dir', folder, ...options],
      { env: { ...process.env, ...variables } },
      (error, _stdout, stderr) => done({ failed: error !== null, stderr }),
    );
  });
}

it('refuses a port that is none', async () => {
  expect(await emulate(['--port', 'http'])).toEqual({ failed: true, stderr: expect.stringContaining('whole number from 0 to 65535') });
});

it('says in two lines that its port is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  expect(await emulate(['--port', String(port)])).toEqual({
    failed: true,
    stderr: `Port ${port} of 127.0.0.1 is in use, perhaps by another emulator.\nStop what listens there, or take a free port: npm run emulate -- --port 0\n`,
  });
  other.close();
});

it('says how a LocalStack is started when none answers where one is asked for', async () => {
  expect(await emulate(['--localstack'], { CELLZERO_EMULATOR_ENDPOINT: 'http://127.0.0.1:9' })).toEqual({
    failed: true,
    stderr:
      'No LocalStack answers at http://127.0.0.1:9.\nStart one: LOCALSTACK_AUTH_TOKEN=... docker compose --file local/emulator/compose.yaml up --detach\n',
  });
});

it.each([
  ['_localstack/health', '_custom_id_', (port: number) => `http://cellzero.execute-api.localhost.localstack.cloud:${port}`],
  ['_ministack/health', 'ms-custom-id', (port: number) => `http://127.0.0.1:${port}/_aws/execute-api/cellzero`],
])('knows the address of the API in an emulator with %s, whose tag %s decides its id', async (health, tag, addressAt) => {
  const emulator = createHttpServer((request, response) => response.writeHead(request.url === `/${health}` ? 200 : 404).end());
  emulator.listen(0, '127.0.0.1');
  await once(emulator, 'listening');
  const { port } = emulator.address() as AddressInfo;
  const address = addressAt(port);
  const options = ['--context', `publicUrl=${address}`, '--tags', `${tag}=cellzero`];
  expect(await knownApi(`http://127.0.0.1:${port}`)).toEqual({ address, options });
  emulator.close();
});

it('says what pip says when the emulator cannot be installed, and installs nothing', async () => {
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, '--no-index\nnothing-of-this-name==1\n');
  const failed = await install(join(folder, 'venv'), requirements).catch((error: unknown) => error);
  expect(advice(failed)).toMatch(/No matching distribution found for nothing-of-this-name==1\n.*package index that pip reaches\.$/s);
  expect(await isInstalled(join(folder, 'venv'), requirements)).toBe(false);
}, 60_000);

it('shows what cdk says of a failure without a stack', () => {
  expect(advice(new CdkFailed('cdk deploy failed'))).toBe('cdk deploy failed');
  expect(advice(new Error('a bug'))).toBeUndefined();
});
