/** The quota of soft-deleted servers: returned once, taken again within the limits, and never by what a cell said before something else was begun. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { noteOrphanedRows } from '../../../../database/api/cells/pending-cleanups.ts';
import { findInstanceMappingToChange } from '../../../../database/api/servers/instance-mappings.ts';
import { findInstanceMappingToRestore, returnQuotaOfSoftDeleted } from '../../../../database/api/servers/soft-deleted.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { accept } from '../../../fixtures/acceptance.ts';
import { changesNothing } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
  await fixture.addHosts({ cells: 2, hosts: 1 });
});
afterAll(() => fixture?.stop());

const limits = { instances: 99, cores: 99, ram: 99_999 };
let server: string;
beforeEach(async () => {
  await query(fixture.api, 'delete from pending_cleanups');
  await query(fixture.api, 'delete from quota_usages');
  await query(fixture.api, `insert into quota_usages (project_id) values ('project')`);
  [server = ''] = (await accept(fixture.api, { count: 1, projectId: 'project', flavor: { vcpus: 2 }, defaultLimits: limits })).uuids;
  await query(
    fixture.api,
    'update instance_mappings set fencing_token = 1, cell_id = (select min(id) from cell_mappings) where instance_uuid = :server::uuid',
    { server },
  );
});

const use = async () => {
  const [row] = await query<{ uses: object; holds: object }>(
    fixture.api,
    `select jsonb_build_object('instances', u.instances, 'cores', u.cores, 'ram', u.ram) as uses,
       jsonb_build_object('instances', m.instances, 'cores', m.cores, 'ram', m.ram) as holds
     from quota_usages u join instance_mappings m using (project_id) where instance_uuid = :server::uuid`,
    { server },
  );
  if (!row) throw new Error('no row');
  expect(row.uses).toEqual(row.holds);
  return row.uses;
};
const whole = { instances: 1, cores: 2, ram: 512 };
const nothing = { instances: 0, cores: 0, ram: 0 };
const note = async () => {
  const mapping = await findInstanceMappingToChange(fixture.api, server, null);
  if (mapping?.generation == null) throw new Error('nothing was noted');
  return mapping.generation;
};
const dueAt = '2040-01-01T00:00:00Z';
const release = (generation: number, silence = 0, due_at: string | null = dueAt) =>
  returnQuotaOfSoftDeleted(fixture.api, [{ uuid: server, generation, due_at }], silence);
const due = async () => (await query<{ due_at: string | null }>(fixture.api, 'select due_at from pending_cleanups'))[0]?.due_at;
const restore = (defaults: typeof limits | null) => findInstanceMappingToRestore(fixture.api, server, 'project', defaults);

test('what it holds is returned once, and the note is due when the server is', async () => {
  const generation = await note();
  await release(generation);
  expect([await use(), await due()]).toEqual([nothing, dueAt]);
  await changesNothing(fixture.api, () => release(generation, 0, null));
});

test('nothing is returned by an earlier note: something was begun since', async () => {
  const earlier = await note();
  await note();
  await changesNothing(fixture.api, () => release(earlier));
  expect(await use()).toEqual(whole);
});

test('what was noted a moment ago may not have reached the cell that the reaper has seen: it is looked at again when that is over', async () => {
  await release(await note(), 60);
  expect(await use()).toEqual(whole);
  const wait = Date.parse((await due()) ?? '') - Date.now();
  expect(wait).toBeGreaterThan(50_000);
  expect(wait).toBeLessThan(60_001);
});

test('a note of another cell is left alone, and a deleted server has returned everything', async () => {
  const generation = await note();
  const [{ uuid } = { uuid: '' }] = await query<{ uuid: string }>(fixture.api, 'select uuid from cell_mappings order by id desc limit 1');
  await noteOrphanedRows(fixture.api, uuid, [{ uuid: server, fencing_token: 1 }]);
  await release(generation);
  expect((await query(fixture.api, 'select 1 as one from pending_cleanups where due_at is null')).length).toBe(1);
  await query(fixture.api, 'delete from pending_cleanups where due_at is null');
  await query(fixture.api, 'update instance_mappings set instances = 1, queued_for_delete = true where instance_uuid = :server::uuid', {
    server,
  });
  await changesNothing(fixture.api, () => release(generation));
});

test('it is taken again in the call that notes the restore, once, as its request spec has it', async () => {
  await release(await note());
  const taken = await restore(limits);
  expect(taken).toMatchObject({ uuid: server, exceeded: null, generation: 2 });
  expect([await use(), await due()]).toEqual([whole, null]);
  expect(await restore(limits)).toMatchObject({ exceeded: null, generation: 3 });
  expect(await use()).toEqual(whole);
});

test.each([
  ['instances', { ...limits, instances: 0 }],
  ['cores', { ...limits, cores: 1 }],
  ['ram', { ...limits, ram: 511 }],
])('beyond the limit of %s it is not taken, but where none counts', async (_, low) => {
  await release(await note());
  const refused = await restore(low);
  expect(refused?.exceeded).toEqual({ limits: low, used: nothing, flavor: { vcpus: 2, memory_mb: 512 } });
  expect(await use()).toEqual(nothing);
  expect(await restore(null)).toMatchObject({ exceeded: null });
  expect(await use()).toEqual(whole);
});

test('a limit of -1 is none, and another project finds nothing', async () => {
  await release(await note());
  await changesNothing(fixture.api, async () =>
    expect(await findInstanceMappingToRestore(fixture.api, server, 'other', limits)).toBeUndefined(),
  );
  expect(await restore({ instances: -1, cores: -1, ram: -1 })).toMatchObject({ exceeded: null });
});
