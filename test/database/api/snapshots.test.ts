/** Images that tasks of servers make: whose each is, and what makes it active or removes it, by statements that come twice, late, or for another task. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { completeCleanups, listPendingCleanups, noteOrphanedRows } from '../../../database/api/cells/pending-cleanups.ts';
import { findInstanceMappingToSnapshot } from '../../../database/api/servers/queue-snapshot.ts';
import { endServers, releaseServers } from '../../../database/api/servers/release.ts';
import { activateSnapshot, removeSnapshot } from '../../../database/api/snapshots.ts';
import { query } from '../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';
import { sql } from '../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
let cells: string[];
let server: string;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
  await fixture.addHosts({ cells: 2, hosts: 0 });
  cells = (await sql<{ uuid: string }>(fixture, 'select uuid from cell_mappings order by id')).map(({ uuid }) => uuid);
});
afterAll(() => fixture?.stop());
beforeEach(async () => {
  await query(fixture.api, 'truncate pending_cleanups, instance_mappings, request_specs, images');
  server = randomUUID();
  await map(server);
});

const map = (uuid: string) =>
  query(
    fixture.api,
    `insert into instance_mappings (instance_uuid, project_id, user_id, cell_id)
     values (:uuid::uuid, 'p', 'u', (select id from cell_mappings where uuid = :cell::uuid))`,
    { uuid, cell: cells[0] ?? '' },
  );

/** Queues an image that the task of a request makes, and returns its id. */
async function queue(
  requestId: string,
  { backup = null, owner = 'p' }: { backup?: { type: string; rotation: number } | null; owner?: string } = {},
) {
  const id = randomUUID();
  await findInstanceMappingToSnapshot(fixture.api, server, null, {
    ...{ id, name: id, requestId, owner, type: backup ? 'backup' : 'snapshot', rotation: backup?.rotation ?? null, notInherited: [] },
    ...{ defaultMetadataItems: 128, properties: backup ? { image_type: 'backup', backup_type: backup.type } : {} },
  });
  return id;
}
const content = { size: 5, checksum: 'c', disk_format: 'raw', properties: {} };
const task = (request_id: string) => ({ server, request_id });
const states = async () =>
  Object.fromEntries(
    (await sql<{ id: string; status: string }>(fixture, 'select id, status from images')).map(({ id, status }) => [id, status]),
  );
const notes = async () => (await sql(fixture, 'select instance_uuid from pending_cleanups')).length;

test('an image is queued with the note of its server, once however often the statement is sent', async () => {
  const id = randomUUID();
  const image = {
    ...({ id, name: 'n', requestId: 'req-1', owner: 'p', type: 'snapshot', rotation: null, notInherited: [] } as const),
    ...{ defaultMetadataItems: 7, properties: { a: 'b' } },
  };
  const found = { uuid: server, metadataItems: 7, properties: 2 };
  expect(await findInstanceMappingToSnapshot(fixture.api, server, null, image)).toMatchObject(found);
  expect(await findInstanceMappingToSnapshot(fixture.api, server, 'p', image)).toMatchObject(found);
  expect([await states(), await notes()]).toEqual([{ [id]: 'queued' }, 1]);
});

test('nothing is queued for a server of another project, or one that is deleted or has no cell', async () => {
  const none = async (projectId: string | null) => {
    const id = randomUUID();
    const image = {
      id,
      name: 'n',
      requestId: 'req-1',
      owner: 'p',
      type: 'snapshot',
      rotation: null,
      notInherited: [],
      properties: {},
    } as const;
    return await findInstanceMappingToSnapshot(fixture.api, server, projectId, { ...image, defaultMetadataItems: 7 });
  };
  expect(await changesNothing(fixture.api, () => none('other'))).toBeUndefined();
  await query(fixture.api, 'update instance_mappings set cell_id = null');
  expect(await changesNothing(fixture.api, () => none(null))).toMatchObject({ uuid: server, cell: null });
  await query(fixture.api, 'update instance_mappings set queued_for_delete = true');
  expect(await changesNothing(fixture.api, () => none(null))).toBeUndefined();
});

test('the image of a task becomes active once, and no other; then a failure does not take it away', async () => {
  const [one, other] = [await queue('req-1'), await queue('req-2')];
  await activateSnapshot(fixture.api, task('req-1'), content);
  expect(await states()).toEqual({ [one]: 'active', [other]: 'queued' });
  await changesNothing(fixture.api, () => activateSnapshot(fixture.api, task('req-1'), { ...content, size: 6 }));
  await changesNothing(fixture.api, () => removeSnapshot(fixture.api, task('req-1')));
  await changesNothing(fixture.api, () => activateSnapshot(fixture.api, { ...task('req-2'), server: randomUUID() }, content));
  await removeSnapshot(fixture.api, task('req-2'));
  await changesNothing(fixture.api, () => activateSnapshot(fixture.api, task('req-2'), content));
  expect(await states()).toEqual({ [one]: 'active' });
});

test('a backup leaves as many of its type as it says, the newest; of its project, its server and its type alone', async () => {
  const backup = { type: 'daily', rotation: 2 };
  const make = async (request: string, more: Parameters<typeof queue>[1] = { backup }) => {
    const id = await queue(request, more);
    await activateSnapshot(fixture.api, task(request), content);
    return id;
  };
  const others = [
    await make('req-0', { backup: { ...backup, type: 'weekly' } }),
    await make('req-a', { backup, owner: 'q' }),
    await make('req-b', {}),
  ];
  const kept = server;
  server = randomUUID();
  await map(server);
  others.push(await make('req-c'));
  server = kept;
  const [, second, third] = [await make('req-1'), await make('req-2'), await make('req-3')];
  expect(Object.keys(await states()).toSorted()).toEqual([...others, second, third].toSorted());
  await make('req-4', { backup: { ...backup, rotation: 0 } });
  expect(Object.keys(await states()).toSorted()).toEqual(others.toSorted());
});

test('who completes the note of a server in its cell removes its queued images, unless it was noted again', async () => {
  const active = await queue('req-0');
  await activateSnapshot(fixture.api, task('req-0'), content);
  const queued = await queue('req-1');
  const listed = async () => (await listPendingCleanups(fixture.api, 0)).flatMap(({ own }) => own);
  const before = await listed();
  await queue('req-2');
  const both = await states();
  await completeCleanups(fixture.api, cells[0] ?? '', before, 0);
  expect(await states(), 'it was noted again').toEqual(both);
  await completeCleanups(fixture.api, cells[0] ?? '', await listed(), 180);
  expect(await states(), 'it was noted a moment ago').toEqual(both);
  await noteOrphanedRows(fixture.api, cells[1] ?? '', [{ uuid: server, fencing_token: 1 }]);
  const orphaned = (await listPendingCleanups(fixture.api, 0)).flatMap((each) => each.orphaned);
  await completeCleanups(fixture.api, cells[1] ?? '', orphaned, 0);
  expect(await states(), 'it is of another cell').toEqual(both);
  await query(fixture.api, 'update pending_cleanups set due_at = now()');
  await completeCleanups(fixture.api, cells[0] ?? '', await listed(), 0);
  expect([await states(), await notes(), queued in both]).toEqual([{ [active]: 'active' }, 0, true]);
});

test.each([
  ['has ended on its host', () => releaseServers(fixture.api, [server])],
  ['has still to end there', () => endServers(fixture.api, [{ uuid: server, due_at: new Date().toISOString() }])],
])('a deleted server that %s takes its queued images along, also when one came late, and leaves the active ones', async (_, release) => {
  const active = await queue('req-0');
  await activateSnapshot(fixture.api, task('req-0'), content);
  await queue('req-1');
  await release();
  expect(await states()).toEqual({ [active]: 'active' });
  await query(fixture.api, `update images set status = 'queued'`);
  await release();
  expect(await states()).toEqual({});
});
