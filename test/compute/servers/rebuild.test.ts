/** The image of a server is its cell's, and its request spec follows: whatever stops, comes twice or comes late, the two agree at rest. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Driver, Report, TaskOperation } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { reap } from '../../../compute/reaper/reap.ts';
import { type RebuildRequest, rebuildServer } from '../../../compute/servers/rebuild/rebuild-server.ts';
import { resetState } from '../../../compute/servers/reset-state.ts';
import { updateServer } from '../../../compute/servers/update-server.ts';
import { noteImages } from '../../../database/api/servers/images-of-servers.ts';
import { query } from '../../../database/data-api/client.ts';
import { beforeStatement } from '../../fixtures/before-statement.ts';
import { type Cloud, startCloud, type User } from '../../fixtures/cloud.ts';
import { plainRebuild } from '../../fixtures/plain-rebuild.ts';

let cloud: Cloud;
let user: User;
let server: string;
const images: string[] = [];
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 8 });
  for (const os_distro of ['first', 'second']) images.push(await cloud.newImage({ properties: { os_distro } }));
});
afterAll(() => cloud?.stop());
beforeEach(async () => {
  user = await cloud.newUser();
  server = await user.boot();
  await user.settled(server);
  asked = [];
});

let asked: TaskOperation[] = [];
const answer: () => Promise<Report> = async () => ({ result: 'success' });
const driver: Driver = {
  ...simulatedDriver(noFailures),
  begin(operation) {
    if ('task' in operation) asked.push(operation);
    return answer();
  },
};

const callerOf = ({ userId, projectId }: User) => ({ userId, projectId, userName: 'u', projectName: 'p', roles: ['member'] });

function rebuild(imageId: string | undefined, request: Partial<RebuildRequest> = {}, requestId = `req-${randomUUID()}`) {
  return rebuildServer(
    cloud.service.api,
    driver,
    { caller: callerOf(user), requestId, server },
    { ...plainRebuild, imageId: imageId ?? '', ...request },
  );
}

async function inCell() {
  const [row] = await query<{ image: string; distro: string; vm_state: string; task_state: string | null; name: string }>(
    cloud.database('cell1'),
    `select image_ref as image, vm_state, task_state, display_name as name,
       (select value from instance_system_metadata where instance_uuid = uuid and deleted = 0 and key = 'image_os_distro') as distro
     from instances where uuid = :server::uuid`,
    { server },
  );
  return row;
}

async function inSpec() {
  const [row] = await query<{ image: { id: string; properties: Record<string, string> } }>(
    cloud.service.api,
    `select spec->'image' as image from request_specs where instance_uuid = :server::uuid`,
    { server },
  );
  return row?.image;
}

async function runReaper() {
  await query(cloud.database('cell1'), `update instances set task = task || '{"due_at": null}' where task is not null`);
  await query(cloud.service.api, `update pending_cleanups set due_at = now(), noted_at = now() - interval '1 hour'`);
  await reap({ api: cloud.service.api, driver, startBoot: async () => undefined, silence: 0 });
}

/** What a client changes with the image, and the guest that its host must make of it. */
const changes = { name: 'anew', hostname: 'anew', metadata: { role: 'web' }, userData: 'YQ==', trustedCerts: ['certificate'] };
const changed = () => ({
  ...{ display_name: 'anew', hostname: 'anew', metadata: { role: 'web' }, user_data: 'YQ==', trusted_certs: ['certificate'] },
  ...{ image: { id: images[0], properties: { os_distro: 'first' } }, project_id: user.projectId, flavor: { name: 'm1.tiny' } },
});

test('the host is asked once, for the server as it is to be, with what only it may know', async () => {
  const { error, instance } = await rebuild(images[0], { preserveEphemeral: true, ...changes }, 'req-secret');
  expect(error).toBeUndefined();
  expect(instance).toMatchObject({ image_ref: images[0], task_state: 'rebuilding', system_metadata: { image_os_distro: 'first' } });
  expect(asked).toMatchObject([{ operation: 'rebuild', arguments: { type: 'ACTIVE', image: images[0], preserve_ephemeral: 'True' } }]);
  expect(asked[0]?.guest).toMatchObject(changed());
  expect(asked[0]?.arguments).not.toHaveProperty('sealed');
  expect(asked[0]?.secrets).toEqual({ sealed: `sealed for ${server} req-secret`, context: `${server} req-secret` });
});

/** The statements of a rebuild after the one that accepts it, by what stands in them. */
const statements = {
  'its end': 'end_action(i.uuid, :request_id',
  'the note of its image': 'as list (uuid uuid, image jsonb, rebuilds int)',
};

describe.each(Object.entries(statements))('when everything stops before %s', (_, text) => {
  test.each(['before', 'after'] as const)('(%s the database has it), the reaper finishes it', async (kind) => {
    const stopped = cloud.service.dataApi.faults.add({
      ...{ kind, error: 'DatabaseUnavailableException' },
      sql: (sql) => sql.includes(text),
    });
    expect((await rebuild(images[0])).error).toBeDefined();
    stopped.lift();
    await runReaper();
    await runReaper();
    expect(await inCell()).toMatchObject({ image: images[0], distro: 'first', task_state: null });
    expect(await inSpec()).toEqual({ id: images[0], properties: { os_distro: 'first' } });
  });
});

test('when the answer to the acceptance is lost, the reaper asks the host, with all that the client sent, and the scheduler knows the image', async () => {
  const lost = cloud.service.dataApi.faults.add({
    ...{ kind: 'after', error: 'DatabaseUnavailableException' },
    sql: (sql) => sql.includes('accepted as'),
  });
  await expect(rebuild(images[0], { preserveEphemeral: true, ...changes }, 'req-lost')).rejects.toThrow();
  lost.lift();
  expect(asked).toEqual([]);
  expect(await inSpec()).not.toMatchObject({ id: images[0] });
  await runReaper();
  expect(await inCell()).toMatchObject({ image: images[0], vm_state: 'active', task_state: null });
  expect(await inSpec()).toEqual({ id: images[0], properties: { os_distro: 'first' } });
  const secrets = { sealed: `sealed for ${server} req-lost`, context: `${server} req-lost` };
  expect(asked).toMatchObject([{ arguments: { type: 'ACTIVE', image: images[0], preserve_ephemeral: 'True' }, secrets }]);
  expect(asked[0]?.guest).toMatchObject(changed());
});

test('a root disk on a volume is made of the image of the rebuild', async () => {
  const root = {
    boot_index: 0,
    uuid: 'c1220500-0000-4000-8000-000000000001',
    source_type: 'image',
    destination_type: 'volume',
    volume_size: 1,
  };
  server = await user.boot({ imageRef: '', block_device_mapping_v2: [root] });
  await user.settled(server);
  await rebuild(images[0]);
  expect(asked[0]?.guest?.image).toEqual({ id: images[0], properties: { os_distro: 'first' } });
});

test('an acceptance whose answer is lost once changes nothing twice, also when the server was changed and released meanwhile', async () => {
  const requestId = `req-${randomUUID()}`;
  const lost = cloud.service.dataApi.faults.add({
    ...{ kind: 'after', error: 'DatabaseUnavailableException' },
    sql: (sql) => sql.includes('accepted as'),
  });
  await expect(rebuild(images[0], { name: 'rebuilt' }, requestId)).rejects.toThrow();
  lost.lift();
  const admin = { ...callerOf(user), roles: ['admin'] };
  await resetState(cloud.service.api, { caller: admin, requestId: `req-${randomUUID()}`, server }, 'active');
  await updateServer(cloud.service.api, callerOf(user), server, { display_name: 'renamed' });
  await rebuild(images[0], { name: 'rebuilt' }, requestId);
  expect(await inCell()).toMatchObject({ name: 'renamed', vm_state: 'active', task_state: null });
  expect(asked).toEqual([]);
});

test('of two rebuilds the later one is noted, in whatever order they are', async () => {
  await beforeStatement(
    statements['the note of its image'],
    async () => {
      while ((await inCell())?.task_state !== null) await sleep(10);
      await rebuild(images[1]);
    },
    () => rebuild(images[0]),
  );
  expect(await inCell()).toMatchObject({ image: images[1], distro: 'second' });
  expect(await inSpec()).toEqual({ id: images[1], properties: { os_distro: 'second' } });
  await noteImages(cloud.service.api, [{ uuid: server, image: { id: images[0] ?? '', properties: {} }, rebuilds: 1 }]);
  expect(await inSpec()).toMatchObject({ id: images[1] });
});

test('a host that cannot run the image is not asked, and the server keeps its own, though everything stops after the acceptance', async () => {
  const foreign = await cloud.newImage({ properties: { hw_architecture: 's390x' } });
  const [before, spec] = [await inCell(), await inSpec()];
  const stopped = cloud.service.dataApi.faults.add({
    ...{ kind: 'before', error: 'DatabaseUnavailableException' },
    sql: (sql) => sql.includes('end_action(i.uuid, :request_id'),
  });
  expect((await rebuild(foreign)).error).toBeDefined();
  stopped.lift();
  await runReaper();
  expect(await inCell()).toEqual({ ...before, vm_state: 'error' });
  expect(await inSpec()).toEqual(spec);
  expect(asked).toEqual([]);
  const [fault] = await query<{ message: string }>(
    cloud.database('cell1'),
    'select message from instance_faults where instance_uuid = :server::uuid',
    { server },
  );
  expect(fault?.message).toBe('No valid host was found. There are not enough hosts available.');
});
