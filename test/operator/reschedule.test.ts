/** `cellzero reschedule` as an operator runs it, on a deployment that runs and on one that does not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { query } from '../../database/data-api/client.ts';
import { databaseUrl } from '../../local/aws/arns.ts';
import { type Cloud, startCloud, type User } from '../fixtures/cloud.ts';
import { comeToRest } from '../fixtures/rest.ts';
import { cellzero } from './run.ts';

let parent: string;
let dataDir: string;
let cloud: Cloud;
let user: User;
let large: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'cellzero-reschedule-'));
  dataDir = join(parent, 'data');
  cloud = await startCloud({ dataDir, cells: 1, hosts: 1 });
  user = await cloud.newUser();
  large = await cloud.newFlavor({ disk: 400 });
});
afterAll(async () => {
  await cloud?.stop();
  await rm(parent, { recursive: true, force: true });
});

const reschedule = (...args: string[]) => cellzero(['reschedule', ...args, '--data-dir', dataDir]);
const nobody = '11111111-0000-4000-8000-000000000001';

test('what is in cell0 for want of disk is sent when there is a host more, and is ACTIVE soon', { timeout: 60_000 }, async () => {
  expect(await reschedule('--all')).toEqual({ code: 0, stdout: 'Nothing like that is in cell0.\n', stderr: '' });
  const first = await user.boot({ flavorRef: large });
  await user.settled(first);
  const second = await user.boot({ flavorRef: large, name: 'second' });
  expect((await user.settled(second)).status).toBe('ERROR');

  const row = { server: second, name: 'second', project: user.projectId, cause: 'DISK_GB' };
  const dry = await reschedule('--cause', 'DISK_GB', '--dry-run', '--json');
  expect({ ...dry, stdout: JSON.parse(dry.stdout) }).toEqual({ code: 0, stdout: [{ ...row, outcome: 'buried' }], stderr: '' });
  expect((await reschedule('--cause', 'DISK_GB', '--dry-run')).stdout).toMatch(/\| would be sent \|/);
  expect((await reschedule('--cause', 'VCPU', '--project', user.projectId)).stdout).toBe('Nothing like that is in cell0.\n');

  expect((await cellzero(['hosts', 'add', 'cell1', '--data-dir', dataDir])).code).toBe(0);
  const { code, stdout } = await reschedule('--cause', 'DISK_GB');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\+-+.*\n\| Server +\| Name +\| Project +\| First cause \| Outcome/);
  expect(stdout).toMatch(new RegExp(`\\| ${second} \\| second \\| ${user.projectId} \\| DISK_GB +\\| sent +\\|`));
  expect((await user.settled(second)).status).toBe('ACTIVE');

  const again = await reschedule(second, nobody);
  expect(again.code).toBe(1);
  expect(again.stdout).toMatch(/is in another cell/);
  expect(again.stdout).toMatch(/not found/);
});

test('it asks which servers, in one way', async () => {
  const usage = { code: 2, stdout: '' };
  const [none, two, name, three] = await Promise.all([
    reschedule(),
    reschedule(nobody, '--all'),
    reschedule('web'),
    reschedule('--all', '--project', 'x'),
  ]);
  for (const ended of [none, two, three]) expect(ended).toMatchObject({ ...usage, stderr: expect.stringContaining('say which servers') });
  expect(name).toMatchObject({ ...usage, stderr: expect.stringContaining('"cellzero buried --servers" lists them') });
});

test('by the URL of a database nothing is sent, for nobody would boot it', async () => {
  const id = await user.boot({ flavorRef: await cloud.newFlavor({ disk: 5_000 }) });
  await user.settled(id);
  const environment = {
    ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_EC2_METADATA_DISABLED: 'true' },
    ...{ AWS_ENDPOINT_URL_RDS_DATA: process.env.AWS_ENDPOINT_URL_RDS_DATA ?? '', API_DATABASE: databaseUrl('api') },
  };
  expect(await cellzero(['reschedule', '--all'], environment)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('say --stage or --data-dir'),
  });
  expect(await cellzero(['reschedule', '--all', '--dry-run'], environment)).toMatchObject({ code: 0 });
  expect(await query(cloud.service.api, 'select 1 from build_requests')).toEqual([]);
  await comeToRest(cloud.service);
});
