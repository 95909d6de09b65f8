/** Archive and purge: deleted servers go, whole and only they. */
import { describe, expect, test } from 'vitest';
import { purge } from '../../../compute/archive/purge.ts';
import { query } from '../../../database/data-api/client.ts';
import {
  archive,
  archiveACloud,
  archived,
  bury,
  expectGone,
  expectLiving,
  rowsEverywhere,
  stillLiving,
} from '../../fixtures/archived-cloud.ts';
import { indexed } from '../../fixtures/deleted-servers.ts';

archiveACloud();

test('deleted servers move whole into the shadow tables, and leave the index; then nothing is left to do', async () => {
  const ids = await bury();
  const before = await rowsEverywhere(ids, '');
  const ofLiving = await rowsEverywhere(stillLiving(), '');
  const { tables, failures } = await archive();
  expect(failures).toEqual([]);
  expect(tables).toMatchObject({
    'cell0.instances': 1,
    'cell0.instance_faults': 1,
    'API_DB.instance_mappings': 3,
    'API_DB.request_specs': 3,
  });
  expect(Object.keys(tables)).toContainEqual(expect.stringMatching(/^cell[12]\.instance_metadata$/));
  expect(await rowsEverywhere(ids, 'shadow_')).toEqual(before);
  expect(await rowsEverywhere(stillLiving(), '')).toEqual(ofLiving);
  await expectGone(ids);
  await expectLiving();
  expect((await archive()).tables).toEqual({});
});

test('shadow tables have the columns of the others, in their order', async () => {
  const columns = await query<{ table_name: string; columns: string }>(
    archived().database('cell1'),
    `select table_name, string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) as columns
     from information_schema.columns where table_schema = 'public' group by table_name`,
  );
  const of = new Map(columns.map(({ table_name, columns }) => [table_name, columns]));
  const shadows = [...of].filter(([table]) => table.startsWith('shadow_'));
  expect(shadows).toHaveLength(11);
  for (const [shadow, columns] of shadows) expect(columns, shadow).toBe(of.get(shadow.slice('shadow_'.length)));
});

test('a limit on rows holds over all cells, about, and what is left comes next time', async () => {
  const ids = [...(await bury()), ...(await bury())];
  const totals: number[] = [];
  for (let moved = 1; moved > 0; totals.push(moved)) {
    const { tables } = await archive({ maxRows: 10, untilComplete: false });
    moved = Object.entries(tables).reduce((sum, [table, rows]) => (table.startsWith('API_DB') ? sum : sum + rows), 0);
    expect(moved).toBeLessThan(40);
  }
  expect(totals.length).toBeGreaterThan(4);
  expect((await archive({ maxRows: 0 })).tables).toEqual({});
  expect((await archive({ maxRows: 1_000, untilComplete: false })).tables['API_DB.instance_mappings'] ?? 0).toBeLessThanOrEqual(2);
  await expectGone(ids);
});

test('only what was deleted before a time goes', async () => {
  const ids = await bury();
  expect((await archive({ before: new Date(Date.now() - 60_000) })).tables).toEqual({});
  expect(await indexed(archived(), ids)).toBe(6);
  await archive({ before: new Date(Date.now() + 60_000) });
  await expectGone(ids);
});

describe('a server stays', () => {
  const cases: Record<string, { sql: string; undo: string }> = {
    'with work left in a cell': {
      sql: `insert into pending_cleanups (instance_uuid, cell_id) select :id::uuid, id from cell_mappings where name = 'cell2'`,
      undo: 'delete from pending_cleanups where instance_uuid = :id::uuid',
    },
    'with a claim': {
      sql: `insert into allocations (consumer_id, resource_provider_id, resource_class, used) select :id::uuid, min(id), 'VCPU', 1 from resource_providers`,
      undo: 'delete from allocations where consumer_id = :id::uuid',
    },
    'with a build request': {
      sql: `insert into build_requests (instance_uuid, project_id, reservation_id, request_id, execution, instance)
        values (:id::uuid, 'p', 'r', 'req', 'r', '{}')`,
      undo: 'delete from build_requests where instance_uuid = :id::uuid',
    },
    'that is not marked deleted yet': {
      sql: 'update instance_mappings set queued_for_delete = false where instance_uuid = :id::uuid',
      undo: 'update instance_mappings set queued_for_delete = true where instance_uuid = :id::uuid',
    },
  };
  test.each(Object.entries(cases))('%s', async (_, { sql, undo }) => {
    const ids = await bury();
    for (const id of ids) await query(archived().service.api, sql, { id });
    const before = await rowsEverywhere(ids, '');
    expect((await archive()).tables).toEqual({});
    expect(await rowsEverywhere(ids, '')).toEqual(before);
    expect(await indexed(archived(), ids)).toBe(6);
    for (const id of ids) await query(archived().service.api, undo, { id });
    await archive();
    await expectGone(ids);
    await expectLiving();
  });

  test('that lives in its cell, whatever the index says', async () => {
    const [id = ''] = stillLiving();
    const turn = (deleted: boolean) =>
      query(archived().service.api, 'update instance_mappings set queued_for_delete = :deleted where instance_uuid = :id::uuid', {
        id,
        deleted,
      });
    const claims = await query(archived().service.api, 'delete from allocations where consumer_id = :id::uuid returning *', { id });
    await turn(true);
    expect((await archive()).tables).toEqual({});
    await turn(false);
    await query(
      archived().service.api,
      'insert into allocations overriding system value select * from jsonb_populate_recordset(null::allocations, :claims::jsonb)',
      {
        claims,
      },
    );
    await expectLiving();
  });
});

test('a cell that does not answer hinders no other', async () => {
  const ids = await bury();
  archived().service.dataApi.faults.add({ cluster: 'cell0', kind: 'down' });
  const { tables, failures } = await archive();
  archived().service.dataApi.faults.clear();
  expect(failures).toMatchObject([{ cell: 'cell0' }]);
  expect(tables['API_DB.instance_mappings']).toBe(2);
  await expectLiving();
  await archive();
  await expectGone(ids);
});

test('two at once archive everything once', async () => {
  const ids = [...(await bury()), ...(await bury()), ...(await bury())];
  const before = await rowsEverywhere(ids, '');
  const runs = await Promise.all([archive({ maxRows: 20 }), archive(), archive({ maxRows: 5 })]);
  expect(runs.flatMap(({ failures }) => failures)).toEqual([]);
  await archive();
  await expectGone(ids);
  expect(await rowsEverywhere(ids, 'shadow_')).toEqual(before);
  await expectLiving();
});

test('a purge removes what was archived, by its age, and nothing else', async () => {
  const ids = await bury();
  const kept = await rowsEverywhere(stillLiving(), '');
  const unarchived = await rowsEverywhere(ids, '');
  await purge(archived().service.api, null, () => {});
  expect(await rowsEverywhere(ids, '')).toEqual(unarchived);
  await archive();
  const old = await purge(archived().service.api, new Date(Date.now() - 60_000), () => {});
  expect(old.results.map(({ result }) => result)).toEqual([{}, {}, {}]);
  const { results } = await purge(archived().service.api, null, () => {});
  expect(results.find(({ cell }) => cell.name === 'cell0')?.result).toMatchObject({ shadow_instances: 1, shadow_instance_actions: 2 });
  for (const rows of await rowsEverywhere(ids, 'shadow_')) expect(rows).toEqual({});
  expect(await rowsEverywhere(stillLiving(), '')).toEqual(kept);
  await expectLiving();
});
