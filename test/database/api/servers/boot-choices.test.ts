/** What a boot names: found when it exists and is for the project, not otherwise. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createFlavor } from '../../../../database/api/flavors.ts';
import { disableHost } from '../../../../database/api/hosts/hosts.ts';
import { ensureImage, type NewImage } from '../../../../database/api/images.ts';
import { createKeyPair } from '../../../../database/api/keypairs.ts';
import { findBootChoices } from '../../../../database/api/servers/boot-choices.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { addZone, newGroup, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(async () => {
  await fixture.addHosts({ cells: 1, hosts: 2 });
  await query(fixture.api, 'truncate flavors, images, key_pairs, quotas, quota_usages cascade');
});

const asked = {
  ...{
    flavorId: 'none',
    imageId: null,
    deviceImageIds: [],
    userId: 'user',
    keyName: null,
    group: null,
    zone: null,
    forcedHost: null,
    host: null,
    node: null,
    projectId: 'project',
  },
  seesAllFlavors: false,
  seesAll: false,
};
const find = (changes: Partial<Parameters<typeof findBootChoices>[1]> = {}) =>
  findBootChoices(fixture.api, { ...asked, ...changes }, { instances: 10, cores: 20, ram: 30, metadata_items: 128 });

const flavor = {
  flavorid: 'f',
  name: 'small',
  memory_mb: 1,
  vcpus: 2,
  root_gb: 3,
  ephemeral_gb: 4,
  swap: 5,
  rxtx_factor: 1,
  is_public: true,
  description: 'text',
};

test('what is not named or not there is null, and the limits are the defaults', async () => {
  expect(await find()).toEqual({
    ...{
      flavor: null,
      image: null,
      kernelExists: true,
      deviceImages: [],
      keyPair: null,
      groupExists: false,
      zoneAvailable: false,
      hostExists: false,
      forcedZone: 'nova',
    },
    limits: { instances: 10, cores: 20, ram: 30, metadata_items: 128 },
  });
});

test('the project has its row of use from then on, and keeps it', async () => {
  await find();
  expect(await sql(fixture, 'select project_id, instances from quota_usages')).toEqual([{ project_id: 'project', instances: 0 }]);
  await query(fixture.api, 'update quota_usages set instances = 3');
  await changesNothing(fixture.api, () => find());
  await find({ projectId: 'other' });
  expect(await sql(fixture, 'select project_id from quota_usages order by 1')).toEqual([
    { project_id: 'other' },
    { project_id: 'project' },
  ]);
});

test('limits of the project count before the defaults', async () => {
  await query(
    fixture.api,
    `insert into quotas (project_id, resource, hard_limit) values ('project', 'metadata_items', 0), ('project', 'instances', -1), ('other', 'instances', 5)`,
  );
  expect(await find()).toMatchObject({ limits: { metadata_items: 0, instances: -1 } });
  expect(await find({ projectId: 'other' })).toMatchObject({ limits: { metadata_items: 128, instances: 5 } });
});

test('a flavor is found by its public id, without its description; a disabled one is not', async () => {
  await createFlavor(fixture.api, flavor, 'req');
  await createFlavor(fixture.api, { ...flavor, flavorid: 'g', name: 'other' }, 'req');
  const { description: _, ...rest } = flavor;
  expect((await find({ flavorId: 'f' })).flavor).toEqual({ ...rest, id: expect.any(Number), disabled: false, extra_specs: {} });
  await query(fixture.api, `update flavors set disabled = true where flavorid = 'f'`);
  expect((await find({ flavorId: 'f', seesAllFlavors: true })).flavor).toBeNull();
});

test('a private flavor is for the projects it is shared with, and for who sees all', async () => {
  await createFlavor(fixture.api, { ...flavor, is_public: false }, 'req');
  expect((await find({ flavorId: 'f' })).flavor).toBeNull();
  expect((await find({ flavorId: 'f', seesAllFlavors: true })).flavor).not.toBeNull();
  await query(fixture.api, `insert into flavor_projects (flavor_id, project_id) select id, 'project' from flavors`);
  expect((await find({ flavorId: 'f' })).flavor).not.toBeNull();
  expect((await find({ flavorId: 'f', projectId: 'other' })).flavor).toBeNull();
});

const image = (visibility: NewImage['visibility']): NewImage => ({
  ...{ id: randomUUID(), name: 'linux', owner: 'owner', visibility, status: 'active', size: 1, minDisk: 2, minRam: 3, diskFormat: 'raw' },
  ...{ containerFormat: 'bare', checksum: null, osHashAlgo: null, osHashValue: null, properties: { os: 'linux' } },
});

test.each([
  ['public', true],
  ['shared', false],
  ['community', true],
  ['private', false],
] as const)('a %s image of another project is found: %j', async (visibility, found) => {
  const given = image(visibility);
  await ensureImage(fixture.api, given);
  const other = image('public');
  await ensureImage(fixture.api, other);
  expect((await find({ imageId: given.id })).image !== null).toBe(found);
  expect((await find({ imageId: other.id, deviceImageIds: [given.id] })).image).toMatchObject({ id: other.id });
  expect((await find({ deviceImageIds: [other.id] })).image, "a disk's image is not the server's").toBeNull();
  expect((await find({ deviceImageIds: [given.id, randomUUID()] })).deviceImages).toEqual(found ? [given.id] : []);
  expect((await find({ imageId: given.id, seesAll: true })).image).not.toBeNull();
  expect((await find({ imageId: given.id, projectId: 'owner' })).image).toEqual({
    ...{ id: given.id, name: 'linux', status: 'active', size: 1, min_disk: 2, min_ram: 3, disk_format: 'raw', container_format: 'bare' },
    properties: { os: 'linux' },
  });
});

test('a key pair is found by the user and its name', async () => {
  const key = { type: 'ssh', fingerprint: 'aa', public_key: 'ssh-rsa' } as const;
  for (const [user_id, name] of [
    ['user', 'mine'],
    ['other', 'theirs'],
  ] as const) {
    await createKeyPair(fixture.api, { ...key, user_id, name }, { id: randomUUID(), projectId: 'project' }, -1);
  }
  expect((await find({ keyName: 'mine' })).keyPair).toMatchObject({ user_id: 'user', name: 'mine' });
  expect((await find({ keyName: 'theirs' })).keyPair).toBeNull();
  expect((await find({ keyName: 'none' })).keyPair).toBeNull();
});

test('a server group is the project’s, or none; an admin has any', async () => {
  const group = await newGroup(fixture, 'affinity');
  expect((await find({ group })).groupExists).toBe(true);
  expect((await find({ group, projectId: 'other' })).groupExists).toBe(false);
  expect((await find({ group, projectId: 'other', seesAll: true })).groupExists).toBe(true);
  expect((await find({ group: randomUUID() })).groupExists).toBe(false);
});

test('a zone is available while a mapped host of it is enabled', async () => {
  await addZone(fixture, 'az1', ['cell1-host1']);
  expect((await find({ zone: 'az1' })).zoneAvailable).toBe(true);
  expect((await find({ zone: 'az2' })).zoneAvailable).toBe(false);
  await disableHost(fixture.api, 'cell1-host1');
  expect((await find({ zone: 'az1' })).zoneAvailable).toBe(false);
  expect((await find({ zone: 'nova' })).zoneAvailable).toBe(true);
  await query(fixture.api, `delete from host_mappings where host = 'cell1-host2'`);
  expect((await find({ zone: 'nova' })).zoneAvailable).toBe(false);
});

test('the zone of a forced host is its own, the default one for a host that is not there', async () => {
  await addZone(fixture, 'az1', ['cell1-host1']);
  expect((await find({ forcedHost: 'cell1-host1' })).forcedZone).toBe('az1');
  expect((await find({ forcedHost: 'cell1-host2' })).forcedZone).toBe('nova');
  expect((await find({ forcedHost: 'none' })).forcedZone).toBe('nova');
});

test('a host is found by its name, its node’s, or both where they agree', async () => {
  const exists = async (host: string | null, node: string | null) => (await find({ host, node })).hostExists;
  expect(await exists('cell1-host1', null)).toBe(true);
  expect(await exists(null, 'cell1-host1')).toBe(true);
  expect(await exists('cell1-host1', 'cell1-host1')).toBe(true);
  expect(await exists('cell1-host1', 'cell1-host2')).toBe(false);
  expect(await exists('ghost', null)).toBe(false);
  await query(fixture.api, `delete from host_mappings where host = 'cell1-host1'`);
  expect(await exists('cell1-host1', null)).toBe(false);
});

test('first boots of a project at the very same time make one row of use', async () => {
  for (let round = 0; round < 3; round++) {
    await query(fixture.api, 'truncate quota_usages');
    await Promise.all(Array.from({ length: 8 }, () => find()));
    expect(await sql(fixture, 'select project_id from quota_usages')).toEqual([{ project_id: 'project' }]);
  }
});
