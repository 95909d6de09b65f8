import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listProjects } from '../../database/api/projects.ts';
import { type Cloud, startCloud, type User } from '../fixtures/cloud.ts';
import { cellzero } from './run.ts';

let dataDir: string;
let cloud: Cloud;
let user: User;
let admin: User;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cellzero-catalogue-'));
  cloud = await startCloud({ dataDir, cells: 1, hosts: 1 });
  await run('project', 'create', 'web');
  const [web] = await listProjects(cloud.service.api, { name: 'web' });
  user = await cloud.newUser('member', web?.id);
  admin = await cloud.newUser('admin');
});
afterAll(async () => {
  await cloud?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const run = (...args: string[]) => cellzero([...args, '--data-dir', dataDir]);

const bootStatus = async (id: string) => (await user.settled(id)).status;

test('an extra spec decides where servers go; what the scheduler would pass over is refused', async () => {
  const flavorRef = await cloud.newFlavor({});
  const set = await run('flavor', 'set', flavorRef, '--property', 'trait:CUSTOM_FAST=required', '--property', 'note=a=b');
  expect(set.stdout).toMatch(/\| properties \| note=a=b +\|\n\| +\| trait:CUSTOM_FAST=required +\|/);
  const shown = await user.send<{ extra_specs: object }>('GET', `/flavors/${flavorRef}/os-extra_specs`);
  expect(shown.body.extra_specs).toEqual({ 'trait:CUSTOM_FAST': 'required', note: 'a=b' });
  expect(await bootStatus(await user.boot({ flavorRef }))).toBe('ERROR');

  const unset = await run('flavor', 'unset', flavorRef, '--property', 'trait:CUSTOM_FAST', '--property', 'unknown', '--json');
  expect(JSON.parse(unset.stdout)).toMatchObject({ flavorid: flavorRef, extra_specs: { note: 'a=b' } });
  expect(await bootStatus(await user.boot({ flavorRef }))).toBe('ACTIVE');

  for (const [property, complaint] of [
    ['trait:CUSTOM_FAST=yes', 'trait:CUSTOM_FAST is required or forbidden, not "yes".'],
    ['trait:fast=required', '"trait:fast" names no trait: '],
    ['trait1:CUSTOM_FAST=yes', 'trait1:CUSTOM_FAST is required or forbidden, not "yes".'],
  ] as const) {
    const refused = await run('flavor', 'set', flavorRef, '--property', property);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(complaint) });
  }
});

test('a private flavor is for the projects that may use it', async () => {
  const flavor = { name: 'secret', id: 'secret-id', vcpus: 1, ram: 64, disk: 1, 'os-flavor-access:is_public': false };
  await admin.send('POST', '/flavors', { body: { flavor } });
  const seen = async () => (await user.send('GET', '/flavors/secret-id')).status;
  expect(await seen()).toBe(404);
  for (const _time of ['first', 'again']) {
    expect((await run('flavor', 'set', 'secret', '--project', 'web')).code).toBe(0);
    expect(await seen()).toBe(200);
  }
  expect((await run('flavor', 'unset', 'secret', '--project', 'web')).code).toBe(0);
  expect(await seen()).toBe(404);
  const refused = await Promise.all([
    run('flavor', 'set', 'm1.tiny', '--project', 'web'),
    run('flavor', 'set', 'secret', '--project', 'nowhere'),
    run('flavor', 'set', 'none', '--property', 'a=b'),
  ]);
  expect(refused.map(({ code, stderr }) => [code, stderr])).toEqual([
    [1, 'cellzero: Flavor m1.tiny is public: every project may use it.\n'],
    [1, 'cellzero: There is no project nowhere.\n'],
    [1, 'cellzero: Flavor none could not be found.\n'],
  ]);
});

test('an image is made from a file, booted, changed and deleted', { timeout: 60_000 }, async () => {
  const file = join(dataDir, 'image.raw');
  await writeFile(file, 'bits');
  const created = await run('image', 'create', 'tested', '--file', file, '--disk-format', 'raw', '--min-ram', '64', '--json');
  const image = JSON.parse(created.stdout);
  expect(image).toMatchObject({
    ...{ name: 'tested', visibility: 'public', size: 4, minRam: 64, diskFormat: 'raw' },
    checksum: createHash('md5').update('bits').digest('hex'),
    osHashValue: createHash('sha512').update('bits').digest('hex'),
  });
  const boot = () => user.boot({ imageRef: image.id });
  expect(await bootStatus(await boot())).toBe('ACTIVE');

  const changed = await run('image', 'set', 'tested', '--min-disk', '2', '--property', 'hw_architecture=aarch64');
  expect(changed.stdout).toMatch(/\| needs +\| 2 GiB of disk, 64 MiB of memory +\|/);
  await expect(boot()).rejects.toThrow('not accepted');
  await run('image', 'set', image.id, '--min-disk', '0');
  expect(await bootStatus(await boot())).toBe('ERROR');
  expect(JSON.parse((await run('image', 'unset', 'tested', '--property', 'hw_architecture', '--json')).stdout).properties).toEqual({});
  expect(await bootStatus(await boot())).toBe('ACTIVE');

  expect((await run('image', 'delete', 'tested')).stdout).toBe(`tested (${image.id}) is deleted.\n`);
  await expect(boot()).rejects.toThrow('not accepted');
  expect(await run('image', 'delete', 'tested')).toMatchObject({ code: 1, stderr: 'cellzero: There is no image tested.\n' });
});

test('an image of a project is seen by it alone; one of several of a name goes by its id', async () => {
  const stranger = await cloud.newUser();
  const [first, second] = await Promise.all([
    run('image', 'create', 'ours', '--project', 'web', '--json'),
    run('image', 'create', 'ours', '--project', 'web', '--json'),
  ]);
  const { id } = JSON.parse(first.stdout);
  expect(await bootStatus(await user.boot({ imageRef: id }))).toBe('ACTIVE');
  await expect(stranger.boot({ imageRef: id })).rejects.toThrow('not accepted');
  const ambiguous = await run('image', 'delete', 'ours');
  expect(ambiguous).toMatchObject({ code: 1, stderr: expect.stringContaining(JSON.parse(second.stdout).id) });
  expect((await run('image', 'delete', id)).code).toBe(0);
});

test('what is not valid is refused', async () => {
  const senseless = [
    ['flavor'],
    ['flavor', 'set', 'm1.tiny'],
    ['flavor', 'set', 'm1.tiny', '--property', 'novalue'],
    ['image', 'set', 'cirros'],
    ['image', 'create', 'x', '--file', '/nowhere/at/all'],
    ['image', 'create', 'x', '--min-disk', 'much'],
  ];
  const ended = await Promise.all(senseless.map((args) => run(...args)));
  expect(ended.map(({ code, stdout }) => [code, stdout])).toEqual(senseless.map(() => [2, '']));
});
