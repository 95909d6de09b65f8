/** What was sealed for a host stands in the server's row until a statement notes that it is not needed any more, and is gone with that very statement. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordBuild } from '../../../../compute/boot/record-build.ts';
import { cell0 } from '../../../../compute/cells/cell0.ts';
import { setTargetCell } from '../../../../database/api/servers/build-requests.ts';
import {
  activateInstance,
  failInstance,
  failOverdueBuild,
  findGuest,
  noteBuildBegun,
  noteBuildFailed,
  placeInstance,
} from '../../../../database/cell/instances/build.ts';
import { createInstances } from '../../../../database/cell/instances/create.ts';
import { deleteInstance } from '../../../../database/cell/instances/delete.ts';
import { findInstances } from '../../../../database/cell/instances/find.ts';
import { resetInstanceState } from '../../../../database/cell/instances/reset-state.ts';
import { updateInstance } from '../../../../database/cell/instances/update.ts';
import { type Database, query } from '../../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../../fixtures/cloud.ts';
import { acceptServer, createServer } from '../../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1 });
});
afterAll(() => cloud?.stop());

interface Build {
  cell: Database;
  owned: { uuid: string; fencing_token: number };
  execution: string;
  host: string;
}

/** A server in its cell that no host has begun, whose client gave some secrets itself, or none. */
async function building(required: boolean) {
  const { server, created, instance } = await createServer(cloud);
  const cell = cloud.database('cell1');
  const { sealed = '' } = instance.secrets ?? {};
  const secrets = { sealed, ...(required && { required: true }) };
  await query(cell, 'update instances set secrets = :secrets::jsonb where uuid = :id::uuid', { id: server.id, secrets });
  const row = async () =>
    (await query<{ secrets: unknown }>(cell, 'select secrets from instances where uuid = :id::uuid', { id: server.id }))[0]?.secrets;
  const { execution, fencing_token, host } = created;
  return { build: { cell, owned: { uuid: server.id, fencing_token }, execution, host }, secrets, row };
}

const by = { requestId: 'req', userId: 'user', projectId: 'project' };
const fault = { code: 500, message: 'No.', details: 'No.' };
const past = '2026-01-01T00:00:00Z';

test.each<[string, (build: Build) => Promise<unknown>]>([
  ['the host has begun', ({ cell, owned, host }) => noteBuildBegun(cell, owned, { host, attempt: 1, alternates: [], dueAt: past })],
  ['it is ACTIVE', ({ cell, owned, host }) => activateInstance(cell, owned, host)],
  ['it failed', ({ cell, owned, host }) => failInstance(cell, owned, host, fault)],
  ['it is deleted', ({ cell, owned }) => deleteInstance(cell, owned.uuid, { ...by, force: false })],
  ['an admin sets it to active', ({ cell, owned }) => resetInstanceState(cell, owned.uuid, by, 'active')],
  ['an admin sets it to error', ({ cell, owned }) => resetInstanceState(cell, owned.uuid, by, 'error')],
])('gone when %s', async (_, run) => {
  for (const required of [true, false]) {
    const { build, secrets, row } = await building(required);
    expect(await row()).toEqual(secrets);
    await run(build);
    expect(await row()).toEqual(required ? { required: true } : null);
  }
});

test.each<[string, (build: Build) => Promise<unknown>]>([
  ['it goes to another host', ({ cell, owned, execution }) => placeInstance(cell, owned.uuid, { ...owned, execution }, 'other', null)],
  ['its host failed at once', ({ cell, owned, host }) => noteBuildFailed(cell, owned, host)],
  ['its client changes it', ({ cell, owned }) => updateInstance(cell, owned.uuid, { display_name: 'other' })],
  ['it is not this build that ended', ({ cell, owned }) => activateInstance(cell, { ...owned, fencing_token: 7 }, 'other')],
])('kept when %s', async (_, run) => {
  const { build, secrets, row } = await building(true);
  await run(build);
  expect(await row()).toEqual(secrets);
});

test('a host that had begun leaves none to the next, and what is overdue has none', async () => {
  const { build, row } = await building(true);
  const { cell, owned, host, execution } = build;
  await noteBuildBegun(cell, owned, { host, attempt: 1, alternates: [], dueAt: past });
  await noteBuildFailed(cell, owned, host);
  const placed = await placeInstance(cell, owned.uuid, { ...owned, execution }, 'other', null);
  expect(placed?.secrets).toEqual({ required: true });
  await noteBuildBegun(cell, owned, { host: 'other', attempt: 2, alternates: [], dueAt: past });
  expect(await failOverdueBuild(cell, owned, 'other')).toMatchObject({ uuid: owned.uuid });
  expect(await row()).toEqual({ required: true });
});

test('they are read for the host of the owner, and by nobody who shows the server', async () => {
  const { build, secrets } = await building(true);
  const { cell, owned, host } = build;
  expect((await findGuest(cell, owned, host))?.secrets).toEqual(secrets);
  expect(await findGuest(cell, { ...owned, fencing_token: 2 }, host)).toBeUndefined();
  expect(await findGuest(cell, owned, 'other')).toBeUndefined();
  expect((await findInstances(cell, [owned.uuid])).get(owned.uuid)).not.toHaveProperty('secrets');
  expect(await updateInstance(cell, owned.uuid, {})).not.toHaveProperty('secrets');
});

test('a row that is not of a build is written without them by any statement: cell0 gets none', async () => {
  const { id, execution } = await acceptServer(cloud);
  const instance = (await setTargetCell(cloud.service.api, execution, [id], cell0)).get(id)?.instance;
  if (!instance) throw new Error('no build request');
  expect(instance.secrets?.sealed).toEqual(expect.any(String));
  const event = { event: 'create', finish_time: past, result: null, details: null };
  const actions = recordBuild({ requestId: 'req', former: null }, instance, event);
  const buried = { ...instance, execution, fencing_token: 1, vm_state: 'error' as const, task_state: null };
  await createInstances(cloud.database('cell0'), [{ instance: buried, actions }]);
  expect(await query(cloud.database('cell0'), 'select secrets from instances where uuid = :id::uuid', { id })).toEqual([{ secrets: null }]);
});
