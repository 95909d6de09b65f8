import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { databaseUrl } from '../../../local/aws/arns.ts';
import { publishEndpoint } from '../../../local/deployment/endpoint.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { cellzero } from '../run.ts';

let parent: string;
let dataDir: string;
let cloud: Cloud;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'cellzero-reach-'));
  dataDir = join(parent, 'data');
  cloud = await startCloud({ dataDir, cells: 1, hosts: 1 });
});
afterAll(async () => {
  await cloud?.stop();
  await rm(parent, { recursive: true, force: true });
});

/** An account of AWS of which nothing is known: an SDK that asks there wants the region first. */
const nobody = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' };
const asksForRegion = { code: 3, stdout: '', stderr: expect.stringContaining('which AWS region?') };
const reached = { code: 0, stderr: '', stdout: expect.stringContaining('cell1-host1') };

/** What leads to the cloud without its data directory. */
const inEnvironment = () => ({
  ...nobody,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'x',
  AWS_SECRET_ACCESS_KEY: 'x',
  AWS_ENDPOINT_URL_RDS_DATA: process.env.AWS_ENDPOINT_URL_RDS_DATA ?? '',
  API_DATABASE: databaseUrl('api'),
});

test('what is typed counts before the environment, and there API_DATABASE, the stage, the data directory', async () => {
  const nowhere = { ...nobody, API_DATABASE: databaseUrl('none'), CELLZERO_STAGE: 'production', CELLZERO_DATA_DIR: '/nowhere' };
  const [typedDir, typedStage, database, stage, directory, none] = await Promise.all([
    cellzero(['hosts', '--data-dir', dataDir], { ...nowhere, AWS_PROFILE: 'unknown' }),
    cellzero(['hosts', '--stage', 'throwaway'], { ...nobody, API_DATABASE: databaseUrl('api'), CELLZERO_DATA_DIR: dataDir }),
    cellzero(['hosts'], { ...nowhere, ...inEnvironment() }),
    cellzero(['hosts'], { ...nobody, CELLZERO_STAGE: 'production', CELLZERO_DATA_DIR: dataDir }),
    cellzero(['hosts'], { ...nobody, CELLZERO_DATA_DIR: dataDir }),
    cellzero(['hosts'], nobody),
  ]);
  expect(typedDir).toMatchObject(reached);
  expect(typedStage).toMatchObject(asksForRegion);
  expect(database).toMatchObject(reached);
  expect(stage).toMatchObject(asksForRegion);
  expect(directory).toMatchObject(reached);
  expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining('/.cellzero holds no deployment') });
});

test('an operator who cannot ask AWS reads what to do', async () => {
  const [noCredentials, noStage, noUrl, twoWays, unknownStage] = await Promise.all([
    cellzero(['hosts', '--stage', 'production'], { ...nobody, AWS_REGION: 'us-east-1' }),
    cellzero(['hosts'], { ...nobody, CELLZERO_STAGE: 'prod' }),
    cellzero(['hosts'], { ...nobody, API_DATABASE: 'postgresql://localhost/api' }),
    cellzero(['hosts', '--stage', 'production', '--data-dir', dataDir]),
    cellzero(['hosts', '--stage', 'prod']),
  ]);
  expect(noCredentials).toMatchObject({ code: 3, stderr: expect.stringMatching(/^cellzero: no AWS credentials .* Set AWS_PROFILE/) });
  expect(noStage).toMatchObject({ code: 3, stderr: 'cellzero: CELLZERO_STAGE is one of production, throwaway, not "prod"\n' });
  expect(noUrl).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^cellzero: the URL of the api database, postgresql.* is not rds-data/),
  });
  expect(twoWays).toMatchObject({ code: 2, stdout: '' });
  expect(unknownStage).toMatchObject({ code: 2, stdout: '' });
});

test('an emulated deployment is reached by what its data directory says, and only while it runs', async () => {
  const emulated = join(parent, 'emulated');
  await mkdir(emulated);
  await writeFile(join(emulated, 'clouds.yaml'), 'clouds: {}\n');
  const { AWS_ENDPOINT_URL_RDS_DATA, API_DATABASE, ...rest } = inEnvironment();
  const unpublish = await publishEndpoint(emulated, { ...rest, AWS_ENDPOINT_URL_RDS_DATA, API_DATABASE });
  expect(await cellzero(['hosts', '--data-dir', emulated])).toMatchObject(reached);
  await unpublish();
  const stopped = await cellzero(['hosts', '--data-dir', emulated]);
  expect(stopped).toMatchObject({
    code: 3,
    stdout: '',
    stderr: expect.stringMatching(/emulated deployment of .* does not run, and kept nothing/),
  });
});

test('clouds.yaml is the one that the deployment wrote', async () => {
  const written = await readFile(cloud.service.cloudsFile, 'utf8');
  const [found, missing, onlyDatabase] = await Promise.all([
    cellzero(['clouds', '--data-dir', dataDir]),
    cellzero(['clouds'], { CELLZERO_DATA_DIR: join(parent, 'nowhere') }),
    cellzero(['clouds'], inEnvironment()),
  ]);
  expect(found).toMatchObject({ code: 0, stdout: written, stderr: '' });
  expect(found.stdout).toContain(`password: "${cloud.service.passwords.admin}"`);
  expect(missing).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('holds no clouds.yaml') });
  expect(onlyDatabase).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('say --stage or --data-dir') });
});
