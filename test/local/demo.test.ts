/** What `npm run demo` prints, and that it fails on a cloud that does something else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createReport } from '../../local/demo/report.ts';
import { runScenario } from '../../local/demo/scenario.ts';
import { Unexpected } from '../../local/demo/unexpected.ts';
import { startService } from '../../local/deployment/service.ts';

const demo = fileURLToPath(new URL('../../local/demo.ts', import.meta.url));

async function run(environment: Record<string, string>): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [demo], { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  const read = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    read.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    read.err += text;
  });
  const [code] = await once(child, 'close');
  return { code, ...read };
}

it('shows both servers within a hundred columns, without colours', async () => {
  const { code, out, err } = await run({});
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const expected = [
    /BootOne .*claimed a host/,
    /NoValidHost: No valid host was found\. Caught\./,
    /BuryInCell0/,
    /giant +→ cell0 +a row +– +–/,
    /giant +ERROR/,
    /small +ACTIVE/,
    /First cause: DISK_GB/,
    /POST \/v2\.1\/servers\/\{small\}\/action +202 .*os-stop/,
    /GET \/v2\.1\/servers\/\{small\} +200 .*SHUTOFF/,
    /cellzero reschedule --cause DISK_GB +giant: sent/,
    /GET \/v2\.1\/servers\/\{giant\} +200 .*BUILD\n.*GET \/v2\.1\/servers\/\{giant\} +200 .*ACTIVE/,
    /tries, newest first: Success, Error/,
    /demo reads: Instance \{giant\} is not ready/,
    /GET \/v2\.1\/servers\/\{giant\} +404/,
    /Quota in use: 0 servers, 0 vCPUs, 0 MiB/,
    /All as it should be/,
  ];
  for (const pattern of expected) expect(out).toMatch(pattern);
  expect(out.split('\n').filter((line) => line.length > 100)).toEqual([]);
  expect(out).not.toContain('\u001b');
  expect(out).not.toContain('"level"');
});

it('fails on a cloud that does something else', async () => {
  const starting = startService({ dataDir: undefined, cells: 2, hosts: 0, host: '127.0.0.1', port: 0 });
  try {
    await expect(
      runScenario(
        starting,
        createReport(() => {}),
      ),
    ).rejects.toThrow(Unexpected);
  } finally {
    await (await starting).stop();
  }
});

it('goes without a trace when it is interrupted', async () => {
  const temporary = await mkdtemp('/tmp/cellzero-test-');
  // PostgreSQL runs as another user when we are root.
  await chmod(temporary, 0o755);
  const child = spawn(process.execPath, [demo], { env: { ...process.env, TMPDIR: temporary }, stdio: ['ignore', 'pipe', 'pipe'] });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const closed = once(child, 'close');
  for await (const text of child.stdout.setEncoding('utf8')) if (String(text).includes('Ask for two servers')) break;
  child.kill('SIGINT');
  const [code] = await closed;
  expect({ code, err, left: await readdir(temporary) }).toEqual({ code: 130, err: '', left: [] });
  await rm(temporary, { recursive: true });
});
