/**
 * Fencing tokens where they stand: each statement that acts for an owner is sent for one who does not own the server, or not any more, and nothing
 * changes in any database; then for the owner, and it acts. See database/servers/ownership.ts.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInCell } from '../../compute/boot/create-in-cell.ts';
import { recordBuild } from '../../compute/boot/record-build.ts';
import { completeCleanups, listPendingCleanups, noteOrphanedRows, type PendingCleanup } from '../../database/api/cells/pending-cleanups.ts';
import { claim } from '../../database/api/hosts/allocations.ts';
import { takeOverBuilds, takeOverStalledBoots } from '../../database/api/reaper/stalled-boots.ts';
import { commitToCell, releaseTargetCell, setTargetCell } from '../../database/api/servers/build-requests.ts';
import { releaseAllocationsOfFailed, releaseUnusableAllocations } from '../../database/api/servers/release.ts';
import { activateInstance, failInstance, placeInstance } from '../../database/cell/instances/build.ts';
import { createInstances } from '../../database/cell/instances/create.ts';
import { purgeInstances } from '../../database/cell/reaper.ts';
import { type Database, query } from '../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { contentsOf } from '../fixtures/contents.ts';
import { slowInserts } from '../fixtures/slow-inserts.ts';
import { acceptServer, scheduleServer } from '../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let api: Database;
beforeAll(async () => {
  cloud = await startCloud();
  api = cloud.service.api;
});
afterAll(() => cloud?.stop());

/** A server that has its place, and nothing in a cell. */
async function scheduled() {
  const { server, placement, here } = await scheduleServer(cloud);
  return { ...server, placement, cell: cloud.database(here) };
}

/** A server that has its target cell, and what writes its row there with a token. */
async function targeted() {
  const server = await scheduled();
  const { id, execution, placement, cell } = server;
  const instance = (await setTargetCell(api, execution, [id], placement.cell)).get(id)?.instance;
  if (!instance) throw new Error('no build request');
  const write = (token: number, host = placement.host) =>
    createInstances(cell, [
      {
        instance: { ...instance, execution, fencing_token: token, host },
        actions: recordBuild({ requestId: 'req', former: null }, instance, {
          event: 'create',
          finish_time: null,
          result: null,
          details: null,
        }),
      },
    ]);
  return { ...server, write };
}

/** A server whose row is in its target cell, written with this token, and not committed. */
async function written(fencing_token = 1) {
  const server = await targeted();
  await server.write(fencing_token);
  return server;
}

/** A server that its cell has, with the token 1. */
async function committed() {
  const server = await scheduled();
  return { ...server, ...(await createInCell(api, server.placement)) };
}

const everything = async () =>
  Object.fromEntries(
    await Promise.all(['api', 'cell0', 'cell1', 'cell2'].map(async (name) => [name, await contentsOf(cloud.database(name))])),
  );

/** Sends what must change nothing, and then what must change something. */
async function expectFence(without: readonly (() => Promise<unknown>)[], effective: () => Promise<unknown>): Promise<void> {
  const before = await everything();
  for (const [index, send] of without.entries()) {
    await send();
    expect(await everything(), `statement ${index + 1} without effect`).toEqual(before);
  }
  await effective();
  expect(await everything()).not.toEqual(before);
}

const cleanupsOf = async (id: string): Promise<PendingCleanup[]> =>
  (await listPendingCleanups(api, 0)).flatMap(({ own, orphaned }) => [...own, ...orphaned]).filter(({ uuid }) => uuid === id);

/** Returns when a slow insert is going on. */
async function isSlow(cell: Database): Promise<void> {
  const asleep = `select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
  while ((await query(cell, asleep)).length === 0);
}

const failure = { code: 500, message: 'No.', details: '' };

describe('in the api database', () => {
  test('a claim is made by the execution that owns the server', async () => {
    const { id, execution } = await acceptServer(cloud);
    const [{ provider } = { provider: 0 }] = await query<{ provider: number }>(
      api,
      'select resource_provider_id as provider from host_states limit 1',
    );
    const claims = [{ server: id, provider, resources: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 } }];
    await expectFence([() => claim(api, 'another', claims, null)], () => claim(api, execution, claims, null));
  });

  test('an allocation is given up by the execution that owns the server, on the host where it found it', async () => {
    const { id: server, execution } = await scheduled();
    const [{ provider } = { provider: 0 }] = await query<{ provider: number }>(
      api,
      'select distinct resource_provider_id as provider from allocations where consumer_id = :server::uuid',
      { server },
    );
    await expectFence(
      [
        () => releaseUnusableAllocations(api, 'another', [{ server, provider }]),
        () => releaseUnusableAllocations(api, execution, [{ server, provider: provider + 1 }]),
      ],
      () => releaseUnusableAllocations(api, execution, [{ server, provider }]),
    );
  });

  test('the target cell is set by the execution that owns the server', async () => {
    const { id, execution, placement } = await scheduled();
    await expectFence([() => setTargetCell(api, 'another', [id], placement.cell)], () =>
      setTargetCell(api, execution, [id], placement.cell),
    );
  });

  test('another target cell means another token; the first cell is noted with the token that it may have been written with', async () => {
    const { id, execution, placement } = await written();
    const [other] = await query<{ uuid: string }>(
      api,
      `select uuid from cell_mappings where name like 'cell_' and uuid <> :cell::uuid limit 1`,
      {
        cell: placement.cell,
      },
    );
    for (let sent = 0; sent < 2; sent++) {
      expect((await setTargetCell(api, execution, [id], other?.uuid ?? '')).get(id)?.fencingToken).toBe(2);
      expect(await cleanupsOf(id)).toMatchObject([{ fencing_token: 1 }]);
    }
  });

  test('the target cell is released by the execution that owns the server, and the token grows once', async () => {
    const { id, execution, placement } = await written();
    await expectFence([() => releaseTargetCell(api, 'another', id)], () => releaseTargetCell(api, execution, id));
    expect(await cleanupsOf(id)).toMatchObject([{ fencing_token: 1 }]);
    await releaseTargetCell(api, execution, id);
    expect((await setTargetCell(api, execution, [id], placement.cell)).get(id)?.fencingToken).toBe(2);
  });

  test('a commit takes what its own execution wrote, with its own token, into its own target cell', async () => {
    const { id, execution, placement } = await written();
    const commit = (by: string, fencing_token: number, cell: string) => commitToCell(api, by, [{ uuid: id, fencing_token }], cell, 'keep');
    await expectFence(
      [
        () => commit('another', 1, placement.cell),
        () => commit(execution, 0, placement.cell),
        () => commit(execution, 2, placement.cell),
        () => commit(execution, 1, '00000000-0000-0000-0000-000000000000'),
      ],
      () => commit(execution, 1, placement.cell),
    );
    expect(await commit(execution, 1, placement.cell)).toEqual(new Set([id]));
    expect(await commit(execution, 2, placement.cell)).toEqual(new Set());
    expect(await commit('another', 1, placement.cell)).toEqual(new Set());
  });

  test('a boot is taken over when it was silent for long enough, with the next token', async () => {
    const { id, placement } = await scheduled();
    await expectFence([() => takeOverStalledBoots(api, 60)], () => takeOverStalledBoots(api, 0));
    const [owner] = await query<{ execution: string; fencing_token: number }>(
      api,
      'select execution, fencing_token from build_requests where instance_uuid = :id::uuid',
      { id },
    );
    expect(owner).toMatchObject({ execution: expect.stringMatching(`^${placement.execution}-`), fencing_token: 2 });
  });

  test('a build is taken over as it was listed, with the next token', async () => {
    const { id, placement, created } = await committed();
    const [listed] = await cleanupsOf(id);
    if (!listed) throw new Error('nothing is noted');
    const take = (changed: Partial<PendingCleanup>) => takeOverBuilds(api, 'another', placement.cell, [{ ...listed, ...changed }]);
    await expectFence([() => take({ fencing_token: 0 }), () => take({ fencing_token: 2 }), () => take({ generation: 7 })], () => take({}));
    expect(created.fencing_token).toBe(1);
    expect(await cleanupsOf(id)).toMatchObject([{ fencing_token: 2 }]);
    expect((await setTargetCell(api, 'another', [id], placement.cell)).get(id)?.fencingToken).toBe(2);
    expect((await setTargetCell(api, created.execution, [id], placement.cell)).get(id)?.fencingToken).toBeNull();
  });

  test('the allocation of a failed server is released for the owner that the mapping names', async () => {
    const { id: uuid } = await committed();
    const release = (fencing_token: number) => releaseAllocationsOfFailed(api, [{ uuid, fencing_token }]);
    await expectFence([() => release(0), () => release(2)], () => release(1));
  });

  test('a cleanup is completed as it was listed', async () => {
    const { id, placement } = await committed();
    const [listed] = await cleanupsOf(id);
    await noteOrphanedRows(api, placement.cell, [{ uuid: id, fencing_token: 1 }]);
    const [renewed] = await cleanupsOf(id);
    if (!listed || !renewed) throw new Error('nothing is noted');
    await expectFence([() => completeCleanups(api, placement.cell, [listed], 0)], () =>
      completeCleanups(api, placement.cell, [renewed], 0),
    );
  });
});

describe('in a cell', () => {
  test('a row is taken over by a later owner, never by an earlier one', async () => {
    const { id, cell, write } = await written(2);
    await expectFence([() => write(1, 'elsewhere'), () => write(2, 'elsewhere')], () => write(3, 'elsewhere'));
    expect(await write(2)).toEqual(new Set());
    expect(await write(3)).toEqual(new Set([id]));
    const rows = await query(cell, 'select host, node, launched_on, fencing_token from instances where uuid = :id::uuid', { id });
    expect(rows).toMatchObject([{ host: 'elsewhere', launched_on: 'elsewhere', fencing_token: 3 }]);
  });

  test('a server is put on a host by its owner, or by a later one', async () => {
    const { id, cell, write } = await written();
    await write(2);
    const place = (fencing_token: number) => placeInstance(cell, id, { execution: 'another', fencing_token }, 'elsewhere', null);
    await expectFence([() => place(1)], () => place(2));
    expect(await place(1)).toBeUndefined();
    expect(await place(3)).toMatchObject({ uuid: id, host: 'elsewhere', fencing_token: 3 });
  });

  test('a build ends for its owner on its host', async () => {
    const { id: uuid, cell, created } = await committed();
    const activate = (fencing_token: number, host = created.host) => activateInstance(cell, { uuid, fencing_token }, host);
    await expectFence([() => activate(0), () => activate(2), () => activate(1, 'elsewhere')], () => activate(1));
  });

  test('a build fails for its owner on its host', async () => {
    const { id: uuid, cell, created } = await committed();
    const fail = (fencing_token: number, host = created.host) => failInstance(cell, { uuid, fencing_token }, host, failure);
    await expectFence([() => fail(0), () => fail(2), () => fail(1, 'elsewhere')], () => fail(1));
    expect(await fail(2)).toBeUndefined();
    expect(await fail(1)).toMatchObject({ uuid, seconds: null });
  });

  test('a purge removes what was written with its token or an earlier one', async () => {
    const { id: uuid, cell } = await written(2);
    const rows = async () => (await contentsOf(cell)).instances;
    const before = await rows();
    await purgeInstances(cell, [{ uuid, fencing_token: 1 }]);
    expect(await rows()).toEqual(before);
    await purgeInstances(cell, [{ uuid, fencing_token: 2 }]);
    expect(await rows()).not.toEqual(before);
    expect(await query(cell, 'select * from tags where resource_id = :uuid::uuid', { uuid })).toEqual([]);
  });

  test('what was purged is not written again but by a later owner', async () => {
    const { id: uuid, cell, write } = await written(2);
    await purgeInstances(cell, [{ uuid, fencing_token: 2 }]);
    await expectFence([() => write(1), () => write(2)], () => write(3));
    expect(await write(3)).toEqual(new Set([uuid]));
  });

  test('a row that is being written when its purge comes does not stay', async () => {
    const { id: uuid, cell, write } = await targeted();
    await slowInserts(cell, 'instances', 500, async () => {
      const writing = write(1);
      await isSlow(cell);
      await purgeInstances(cell, [{ uuid, fencing_token: 1 }]);
      await writing;
    });
    expect(await query(cell, 'select uuid from instances where uuid = :uuid::uuid', { uuid })).toEqual([]);
  });

  test('a row that comes while its purge is going on is not written', async () => {
    const { id: uuid, cell, write } = await targeted();
    await slowInserts(cell, 'fenced_instances', 500, async () => {
      const purging = purgeInstances(cell, [{ uuid, fencing_token: 1 }]);
      await isSlow(cell);
      await write(1);
      await purging;
    });
    expect(await query(cell, 'select uuid from instances where uuid = :uuid::uuid', { uuid })).toEqual([]);
  });
});
