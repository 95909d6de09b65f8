/** A second chance, statement by statement: each acts for the owner that it names, and changes nothing in any database for another. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buryInCell0 } from '../../compute/boot/bury-in-cell0.ts';
import type { Failure } from '../../compute/boot/failure.ts';
import { recordBuild } from '../../compute/boot/record-build.ts';
import { cell0 } from '../../compute/cells/cell0.ts';
import { removeBuildRequest, setTargetCell } from '../../database/api/servers/build-requests.ts';
import { keepInCell0, type ReturningServer, rescheduleServers } from '../../database/api/servers/second-chances.ts';
import { buryAgain, closeInstances, openInstance, readClosed } from '../../database/cell/instances/buried.ts';
import { updateInstance } from '../../database/cell/instances/update.ts';
import { type Database, query } from '../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { changesNothing } from '../fixtures/contents.ts';
import { type Accepted, acceptServer } from '../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
let cell: Database;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  api = cloud.service.api;
  cell = cloud.database('cell0');
});
afterAll(() => cloud?.stop());

const failure: Failure = { error: 'NoValidHost', cause: 'DISK_GB', sentence: 'No valid host was found. ', details: 'No host.' };

let server: Accepted;
beforeEach(async () => {
  await query(api, 'delete from pending_cleanups');
  server = await acceptServer(cloud);
  await buryInCell0(api, server.execution, [server.id], failure);
});

const at = (fencing_token: number) => ({ uuid: server.id, fencing_token });

/** The server as it is read to leave cell0. */
async function returning(fencing_token = 1): Promise<ReturningServer> {
  await closeInstances(cell, [at(1)]);
  const closed = (await readClosed(cell, [at(1)])).get(server.id);
  if (!closed) throw new Error('it is not closed');
  const { block_device_mappings, tags, ...instance } = closed.instance;
  const former = { fencing_token, actions: closed.actions };
  return {
    ...at(fencing_token),
    request_id: server.requestId,
    instance: { ...instance, fault: null },
    block_device_mappings,
    tags,
    former,
  };
}

const change = () => updateInstance(cell, server.id, { display_name: 'changed' });

/** Tries to take the server out, and expects that nothing changes. */
async function expectStays(read: ReturningServer): Promise<void> {
  expect(await changesNothing(api, () => rescheduleServers(api, cell0, [read]))).toEqual(new Set());
}

test('a server leaves cell0 once, by the token with which it was read, with the next one; sent twice it answers the same', async () => {
  for (const token of [0, 2]) await expectStays(await returning(token));
  const read = await returning();
  expect(await rescheduleServers(api, cell0, [read])).toEqual(new Set([server.id]));
  const requests = `
    select b.fencing_token, b.execution, b.execution = b.reservation_id as own, m.cell_id, m.fencing_token as mapped
    from build_requests b join instance_mappings m using (instance_uuid) where instance_uuid = :id::uuid`;
  const name = `reschedule-${server.id}-1`;
  const expected = [{ fencing_token: 2, execution: name, own: true, cell_id: null, mapped: 2 }];
  expect(await query(api, requests, { id: server.id })).toEqual(expected);
  expect(await changesNothing(api, () => rescheduleServers(api, cell0, [read]))).toEqual(new Set([server.id]));
});

test('what was noted for it in cell0 is done with, and nothing else is', async () => {
  const read = await returning();
  await query(api, `insert into pending_cleanups (instance_uuid, cell_id) select '${server.id}', id from cell_mappings`);
  await query(
    api,
    `insert into pending_cleanups (instance_uuid, cell_id) select gen_random_uuid(), id from cell_mappings where name = 'cell0'`,
  );
  // An image of it that a function queued which died then.
  await query(
    api,
    `insert into images (id, name, owner, visibility, status, instance_uuid, request_id)
     select gen_random_uuid(), 'of it', '', 'private', 'queued', uuid, 'req' from (values ('${server.id}'::uuid), (gen_random_uuid())) as of (uuid)`,
  );
  expect(await rescheduleServers(api, cell0, [read])).toEqual(new Set([server.id]));
  const queued = `select instance_uuid = '${server.id}' as own from images where status = 'queued'`;
  expect(await query(api, queued)).toEqual([{ own: false }]);
  await query(api, `delete from images where status = 'queued'`);
  const left = `
    select instance_uuid = '${server.id}' as own, name from pending_cleanups p join cell_mappings c on c.id = p.cell_id order by 2`;
  expect(await query(api, left)).toEqual([
    { own: false, name: 'cell0' },
    { own: true, name: 'cell1' },
  ]);
});

test('it stays when it is deleted, and in another cell', async () => {
  const read = await returning();
  await query(api, `update instance_mappings set queued_for_delete = true where instance_uuid = '${server.id}'`);
  await expectStays(read);
  await query(
    api,
    `update instance_mappings set queued_for_delete = false, cell_id = (select id from cell_mappings where name = 'cell1') where instance_uuid = '${server.id}'`,
  );
  await expectStays(read);
});

test('who keeps it in cell0 takes the next token, so that nobody who has read it before takes it out', async () => {
  const read = await returning();
  expect(await keepInCell0(api, cell0, server.id)).toMatchObject({ fencing_token: 2 });
  await expectStays(read);
  await query(api, `update instance_mappings set fencing_token = 1 where instance_uuid = '${server.id}'`);
  await rescheduleServers(api, cell0, [read]);
  expect(await changesNothing(api, () => keepInCell0(api, cell0, server.id)), 'one that has left').toBeUndefined();
  await removeBuildRequest(api, server.id);
  expect(await changesNothing(api, () => keepInCell0(api, cell0, server.id)), 'a deleted one').toBeUndefined();
});

test('a closed row refuses changes until it is opened with a later token', async () => {
  await closeInstances(cell, [at(3)]);
  await expect(change()).rejects.toThrow('is about to leave this cell');
  await changesNothing(cell, () => closeInstances(cell, [at(3)]));
  await changesNothing(cell, () => closeInstances(cell, [at(2)]));
  await changesNothing(cell, () => openInstance(cell, at(3)));
  expect((await readClosed(cell, [at(2)])).size).toBe(0);
  expect((await readClosed(cell, [at(3)])).size).toBe(1);
  await openInstance(cell, at(4));
  expect((await readClosed(cell, [at(3)])).size).toBe(0);
  expect(await change()).toMatchObject({ display_name: 'changed' });
});

test('what its former cell has of it is noted when it has its next home, and when it is deleted, up to the token with which it left', async () => {
  await rescheduleServers(api, cell0, [await returning()]);
  expect(await query(api, 'select 1 from pending_cleanups')).toEqual([]);
  await removeBuildRequest(api, server.id);
  expect(await query(api, 'select fencing_token, cell_id from pending_cleanups')).toEqual([
    { fencing_token: 1, cell_id: (await query<{ id: number }>(api, `select id from cell_mappings where uuid = '${cell0}'`))[0]?.id },
  ]);
});

test('where its next burial had begun, that is noted with the later token', async () => {
  const read = await returning();
  await rescheduleServers(api, cell0, [read]);
  await setTargetCell(api, `reschedule-${server.id}-1`, [server.id], cell0);
  await removeBuildRequest(api, server.id);
  expect(await query(api, 'select fencing_token from pending_cleanups')).toEqual([{ fencing_token: 2 }]);
});

test('its row is buried again by a later owner than the one who wrote it, who appends a fault and an event once', async () => {
  const { instance, former, block_device_mappings, tags } = await returning();
  const again = (fencing_token: number, former_token = 1) => {
    const fault = { code: 500, message: 'Again.', details: 'again', created_at: instance.created_at };
    const whole = { ...instance, block_device_mappings, tags, fault, vm_state: 'error' as const, execution: 'another', fencing_token };
    const event = { event: 'again', finish_time: instance.created_at, result: 'Error' as const, details: 'again' };
    const actions = recordBuild({ requestId: '', former: { ...former, cell_id: 0, since: instance.created_at } }, whole, event);
    return buryAgain(cell, [{ instance: { ...whole, system_metadata: { first_cause: 'VCPU' } }, actions, former_token }]);
  };
  const rowOf = () =>
    query(
      cell,
      `select (select count(*) from instance_faults where instance_uuid = i.uuid) as faults, fencing_token, closed_to,
         (select count(*) from instance_actions_events e join instance_actions a on a.id = action_id where a.instance_uuid = i.uuid) as events
       from instances i where uuid = '${server.id}'`,
    );
  await changesNothing(cell, () => again(0));
  await changesNothing(cell, () => again(1));
  expect(await rowOf()).toEqual([{ faults: 1, fencing_token: 1, closed_to: 1, events: 1 }]);
  expect(await again(3)).toEqual(new Set([server.id]));
  expect(await rowOf()).toEqual([{ faults: 2, fencing_token: 3, closed_to: null, events: 2 }]);
  expect(await changesNothing(cell, () => again(3)), 'sent twice').toEqual(new Set([server.id]));
  expect(await changesNothing(cell, () => again(2)), 'an earlier owner').toEqual(new Set());
  expect(await again(4), 'who takes it over').toEqual(new Set([server.id]));
  expect(await rowOf()).toEqual([{ faults: 2, fencing_token: 4, closed_to: null, events: 2 }]);
});
