/** What becomes of a step that meets somebody else at its server: a delete, or an execution that has taken it over. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createInCell } from '../../../compute/boot/create-in-cell.ts';
import type { Failure } from '../../../compute/boot/failure.ts';
import { OwnershipLost } from '../../../compute/boot/ownership-lost.ts';
import { tryAnotherCell } from '../../../compute/boot/try-another-cell.ts';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { guestOf } from '../../../compute/hosts/drivers/guest.ts';
import { NoValidHost } from '../../../compute/scheduler/no-valid-host.ts';
import { takeOverStalledBoots } from '../../../database/api/reaper/stalled-boots.ts';
import { removeBuildRequest } from '../../../database/api/servers/build-requests.ts';
import { type Database, query } from '../../../database/data-api/client.ts';
import { DatabaseUnreachable } from '../../../database/data-api/unreachable.ts';
import { beforeStatement } from '../../fixtures/before-statement.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest, reapNow } from '../../fixtures/rest.ts';
import { standingOf } from '../../fixtures/standing.ts';
import { stopAfter } from '../../fixtures/steps.ts';
import { scheduleServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 2 });
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());
afterEach(() => comeToRest(cloud.service));

async function scheduled() {
  const { server, placement, here } = await scheduleServer(cloud);
  return { server, placement, look: () => standingOf(cloud, server, here) };
}

const commit = 'delete from build_requests';
const failure: Failure = {
  error: 'DatabaseUnreachable',
  cause: 'DatabaseUnreachable',
  sentence: 'DatabaseUnreachable',
  details: 'It is down.',
};

test('the next step gets the server, its owner, its host and its alternates', async () => {
  const { server, placement } = await scheduled();
  const { created, instance } = await createInCell(api, placement);
  expect(created).toEqual({
    ...{
      execution: server.execution,
      fencing_token: 1,
      server: server.id,
      host: placement.host,
      alternates: placement.alternates,
      attempt: 1,
    },
    connection: cloud.service.databases.get(placement.host.split('-', 1)[0] ?? ''),
  });
  expect(instance).toMatchObject({
    ...{ uuid: server.id, host: placement.host, availability_zone: placement.zone },
    flavor: expect.objectContaining({ flavorid: '1' }),
    image_ref: 'c1220500-0000-4000-8000-000000000001',
    secrets: { sealed: expect.any(String) },
  });
  const { instance: again } = await createInCell(api, placement);
  expect(guestOf(again)).toEqual(guestOf(instance));
  expect(again.secrets).toEqual(instance.secrets);
});

test('a server that is deleted before its commit is orphaned in the cell, which is noted, though a reaper was there before the row', async () => {
  const { server, placement, look } = await scheduled();
  const meanwhile = async () => {
    await removeBuildRequest(api, server.id);
    await query(api, 'delete from pending_cleanups');
  };
  await expect(beforeStatement(commit, meanwhile, () => createInCell(api, placement))).rejects.toThrow(OwnershipLost);
  expect(await look()).toMatchObject({ ...{ shown: 404, used: 0, allocated: null, cleanups: ['here'] }, rows: { here: { token: 1 } } });
  expect(await query(api, 'select fencing_token from pending_cleanups')).toEqual([{ fencing_token: 1 }]);
  await reapNow(cloud.service);
  expect(await look()).toMatchObject({ rows: {}, cleanups: [] });
});

test('a server that is taken over before its commit keeps its new owner; the row that was written without effect is noted', async () => {
  const { placement, look } = await scheduled();
  const meanwhile = () => takeOverStalledBoots(api, 0);
  await expect(beforeStatement(commit, meanwhile, () => createInCell(api, placement))).rejects.toThrow(OwnershipLost);
  expect(await look()).toMatchObject({
    ...{ shown: 'BUILD', listed: 1, allocated: 'here', request: { target: 'here', token: 2 }, mapping: { cell: null } },
    ...{ rows: { here: { token: 1 } }, cleanups: ['here'] },
  });
});

test('a row that a later owner has written is left to him', async () => {
  const { server, placement, look } = await scheduled();
  const later = async () => {
    const [boot] = await takeOverStalledBoots(api, 0);
    await stopAfter(cloud, 2, () => createInCell(api, { ...placement, execution: boot?.execution ?? '' }));
  };
  await expect(beforeStatement('insert into instances', later, () => createInCell(api, placement))).rejects.toThrow(OwnershipLost);
  expect(await look()).toMatchObject({
    request: { target: 'here', token: 2 },
    rows: { here: { token: 2, host: 'allocated' } },
    cleanups: [],
  });
  expect(server.execution).toBe(placement.execution);
});

test('another execution writes nothing', async () => {
  const { placement, look } = await scheduled();
  const before = await look();
  await expect(createInCell(api, { ...placement, execution: 'another' })).rejects.toThrow(OwnershipLost);
  expect(await look()).toEqual(before);
});

test('a server that is in one cell goes to no other', async () => {
  const { placement, look } = await scheduled();
  await createInCell(api, placement);
  const before = await look();
  await expect(createInCell(api, { ...placement, cell: cell0 })).rejects.toThrow(OwnershipLost);
  expect(await look()).toEqual(before);
});

test('what a deleted server has claimed since is released', async () => {
  const { server, placement, look } = await scheduled();
  // A delete ends the build request just before the claim is made.
  await query(api, 'update instance_mappings set queued_for_delete = true where instance_uuid = :id::uuid', { id: server.id });
  expect((await look()).allocated).toBe('here');
  await expect(createInCell(api, placement)).rejects.toThrow(OwnershipLost);
  expect((await look()).allocated).toBeNull();
  await query(api, 'delete from build_requests');
  await query(api, 'update quota_usages set instances = 0, cores = 0, ram = 0');
});

test('a cell that is not registered is a fault', async () => {
  const { placement } = await scheduled();
  const cell = '11111111-1111-4111-8111-111111111111';
  await expect(createInCell(api, { ...placement, cell })).rejects.toThrow(`cell ${cell} is not registered`);
});

test('a build that the cell has ended is not placed again', async () => {
  const { server, placement, look } = await scheduled();
  await createInCell(api, placement);
  const cell = cloud.database(placement.host.split('-', 1)[0] ?? '');
  await query(cell, `update instances set vm_state = 'error', task_state = null, host = null, node = null where uuid = :id::uuid`, {
    id: server.id,
  });
  await expect(createInCell(api, placement)).rejects.toThrow(OwnershipLost);
  expect((await look()).rows).toMatchObject({ here: { state: 'error', host: null } });
});

test('a server turns to another cell only while it waits for one', async () => {
  const { server, placement } = await scheduled();
  await createInCell(api, placement);
  await expect(tryAnotherCell(api, placement, failure)).rejects.toThrow(OwnershipLost);
  expect(server.execution).toBe(placement.execution);
});

test('when no other cell has a host, the reason says why this one did not take the server', async () => {
  const { placement } = await scheduled();
  await stopAfter(cloud, 1, () => createInCell(api, placement));
  await query(api, 'update cell_mappings set disabled = true where uuid <> :cell::uuid', { cell: placement.cell });
  const error = await tryAnotherCell(api, placement, failure).catch((thrown: unknown) => thrown);
  await query(api, 'update cell_mappings set disabled = false');
  if (!(error instanceof NoValidHost)) throw error;
  expect(error.message.endsWith(`\nBefore that, cell ${placement.cell} did not take the server: It is down.`)).toBe(true);
  expect(error.cause).toBeInstanceOf(NoValidHost);
});

const refusal = 'ERROR: out of range; SQLState: 22003';
const refused: Failure = { ...failure, error: 'DatabaseErrorException', details: refusal };

test('a cell that does not answer is another matter than one that refuses the server: of these, two are enough', async () => {
  const turned = async (why: Failure, refusals: number) => {
    const { placement } = await scheduled();
    await stopAfter(cloud, 1, () => createInCell(api, placement));
    return { before: placement, after: await tryAnotherCell(api, { ...placement, refusals }, why) };
  };
  const { before, after } = await turned(failure, 1);
  expect(after).toMatchObject({ server: before.server, execution: before.execution, refusals: 1 });
  expect(after.cell).not.toBe(before.cell);
  expect((await turned(refused, 0)).after).toMatchObject({ refusals: 1 });
  await expect(turned(refused, 1)).rejects.toThrow(/^2 cells refused the server, the last one .*: ERROR: out of range; SQLState: 22003$/);
});

test('a fault while the server is scheduled again stays a fault', async () => {
  const { placement } = await scheduled();
  await stopAfter(cloud, 1, () => createInCell(api, placement));
  const fault = cloud.service.dataApi.faults.add({ kind: 'before', error: 'AccessDeniedException', sql: 'host_states' });
  await expect(tryAnotherCell(api, placement, failure)).rejects.toThrow(DatabaseUnreachable);
  fault.lift();
});

test('a server that is deleted while it turns to another cell is nobody’s', async () => {
  const { server, placement } = await scheduled();
  await stopAfter(cloud, 1, () => createInCell(api, placement));
  const meanwhile = () => removeBuildRequest(api, server.id);
  await expect(beforeStatement('host_states', meanwhile, () => tryAnotherCell(api, placement, failure))).rejects.toThrow(
    'was deleted, or another execution has it',
  );
});
