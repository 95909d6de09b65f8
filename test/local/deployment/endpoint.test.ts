/** What leads to a running deployment is for the user who started it. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { publishEndpoint, readEndpoint } from '../../../local/deployment/endpoint.ts';

test('the file with the endpoint is private, whatever stood in its place', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cellzero-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'endpoint.json');
  await writeFile(file, 'of an earlier start', { mode: 0o644 });
  const environment = { AWS_ENDPOINT_URL_RDS_DATA: 'http://127.0.0.1:1/secret', API_DATABASE: 'rds-data://x' };
  const unpublish = await publishEndpoint(folder, environment);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readEndpoint(folder)).toEqual({ pid: process.pid, environment });
  await unpublish();
  await expect(stat(file)).rejects.toThrow('ENOENT');
});
