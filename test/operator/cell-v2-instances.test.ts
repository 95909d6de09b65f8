/** nova-manage's commands about the servers of cells, run for real against a running deployment. */
import { expect, test } from 'vitest';
import { cell0 } from '../../compute/cells/cell0.ts';
import { query } from '../../database/data-api/client.ts';
import { comeToRest } from '../fixtures/rest.ts';
import { cellOf, cellV2, cloud, findings, nobody, operateCells, says, silent, user, uuidOf } from './operated-cells.ts';

operateCells();

test('a server is verified wherever it is', async () => {
  const verify = (uuid: string, ...args: string[]) => cellV2('verify_instance', '--uuid', uuid, ...args);
  const living = await user.boot();
  const gone = await user.boot();
  await Promise.all([living, gone].map((id) => user.settled(id)));
  await user.send('DELETE', `/servers/${gone}`);
  await comeToRest(cloud.service);
  const { name, uuid } = await cellOf(living);
  expect(await verify(living)).toEqual(says(0, `Instance ${living} is in cell: ${name} (${uuid})`));
  expect(await verify(living, '--quiet')).toEqual(silent(0));
  expect(await verify(nobody)).toMatchObject({ code: 1, stdout: expect.stringMatching(/^Instance \S+ is not mapped to a cell \(upgrade/) });
  expect(await verify(gone)).toMatchObject({ code: 3, stdout: expect.stringMatching(/^The instance with uuid \S+ has been deleted\.\n/) });

  const withoutCell = '33333333-0000-4000-8000-000000000001';
  await query(
    cloud.service.api,
    `insert into instance_mappings (instance_uuid, project_id, user_id, queued_for_delete) values (:id::uuid, 'p', 'u', true)`,
    { id: withoutCell },
  );
  expect(await verify(withoutCell)).toEqual(says(2, `Instance ${withoutCell} is not mapped to a cell`));
  await query(cloud.service.api, 'delete from instance_mappings where instance_uuid = :id::uuid', { id: withoutCell });

  const move = (to: string) =>
    query(
      cloud.service.api,
      'update instance_mappings set cell_id = (select id from cell_mappings where uuid = :to::uuid) where instance_uuid = :gone::uuid',
      { to, gone },
    );
  const home = (await cellOf(gone)).uuid;
  await move(cell0);
  expect(await verify(gone)).toEqual(says(4, `The instance with uuid ${gone} has been archived.`, 'However its instance_mapping remains.'));
  await move(home);
});

test('servers that the index lost come back with all that belongs to them, in batches', async () => {
  const giant = await cloud.newFlavor({ disk: 5_000 });
  const ids = await Promise.all(Array.from({ length: 6 }, () => user.boot()));
  const buried = await user.boot({ flavorRef: giant });
  await Promise.all([...ids, buried].map((id) => user.settled(id)));
  await user.send('DELETE', `/servers/${ids[0]}`);
  await comeToRest(cloud.service);
  const state = () =>
    query(
      cloud.service.api,
      `select m.instance_uuid, m.cell_id, m.project_id, m.user_id, m.queued_for_delete, m.created_at, s.spec->'flavor' as flavor, s.spec->'image' as image,
         (select jsonb_agg(jsonb_build_object('on', resource_provider_id, 'of', resource_class, 'used', used) order by resource_class)
          from allocations where consumer_id = m.instance_uuid) as claims
       from instance_mappings m left join request_specs s on s.instance_uuid = m.instance_uuid and not m.queued_for_delete order by 1`,
    );
  const before = await state();
  // The api database as if it had been restored from before the servers.
  for (const table of ['instance_mappings', 'request_specs', 'allocations', 'quota_usages'])
    await query(cloud.service.api, `delete from ${table}`);
  await query(cloud.service.api, 'update inventories set used = 0');
  expect(new Set((await findings()).map(({ kind }) => kind))).toEqual(new Set(['row-without-mapping']));

  for (const bad of ['0', 'x', '-1', '1.5']) {
    expect(await cellV2('map_instances', '--cell_uuid', cell0, '--max-count', bad)).toEqual(
      says(127, 'Must supply a positive value for max-count'),
    );
  }
  expect(await cellV2('map_instances', '--cell_uuid', nobody)).toMatchObject({ code: 255 });
  expect(await cellV2('map_instances', '--cell_uuid', cell0)).toEqual(silent(0));
  for (const cell of ['cell1', 'cell2', 'cell3']) {
    const uuid = await uuidOf(cell);
    const [{ count } = { count: 0 }] = await query<{ count: number }>(cloud.database(cell), 'select count(*)::int as count from instances');
    for (let left = count; left > 2; left -= 2) {
      expect(await cellV2('map_instances', '--cell_uuid', uuid, '--max-count', '2')).toEqual(silent(1));
    }
    expect(await cellV2('map_instances', '--cell_uuid', uuid, '--max-count', '2', '--reset')).toEqual(silent(0));
    expect(JSON.parse((await cellV2('map_instances', '--cell_uuid', uuid, '--json')).stdout)).toEqual({
      seen: count,
      mapped: 0,
      more: false,
    });
  }
  expect(await state()).toEqual(before);
  expect(await findings()).toEqual([]);
  for (const id of [...ids.slice(1), buried]) expect((await user.send('GET', `/servers/${id}`)).status).toBe(200);
  expect((await user.send('GET', `/servers/${ids[0]}`)).status).toBe(404);
});
