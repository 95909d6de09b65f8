/** nova-manage's commands about cells and hosts, run for real against a running deployment: what they print, and Nova's exit codes. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cell0 } from '../../compute/cells/cell0.ts';
import { saveComputeNodes } from '../../database/cell/hosts.ts';
import { query } from '../../database/data-api/client.ts';
import { databaseUrl } from '../../local/aws/arns.ts';
import { comeToRest } from '../fixtures/rest.ts';
import { cellOf, cellV2, cloud, findings, nobody, operateCells, parent, says, silent, user, uuidOf } from './operated-cells.ts';
import { cellzero } from './run.ts';

operateCells();

test('every command has a help with examples and exit codes, and a usage error is 2', async () => {
  const group = await cellzero(['cell_v2', '--help']);
  const names = [...group.stdout.matchAll(/^ {2}([a-z_0]+) \[options\]/gm)].map(([, name]) => name ?? '');
  expect(names.toSorted()).toEqual([
    ...['create_cell', 'delete_cell', 'delete_host', 'discover_hosts', 'list_cells', 'list_hosts', 'map_cell0'],
    ...['map_cell_and_hosts', 'map_instances', 'simple_cell_setup', 'update_cell', 'verify_instance'],
  ]);
  const helps = await Promise.all(names.map((name) => cellzero(['cell_v2', name, '--help'])));
  for (const [index, help] of helps.entries()) {
    const name = names[index];
    expect(help, name).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout, name).toMatch(/Examples:\n {2}(cellzero|until)[\s\S]*Which deployment[^\n]*:[\s\S]*\n {2}255 {2}/);
  }
  for (const args of [[], ['nonsense'], ['delete_cell'], ['delete_host', '--cell_uuid', nobody], ['verify_instance', '--uuid', 'x']]) {
    expect(await cellV2(...args), args.join(' ')).toMatchObject({ code: 2, stdout: '' });
  }
  expect(await cellzero(['cell_v2', 'list_cells', '--data-dir', join(parent, 'nowhere')])).toMatchObject({ code: 255, stdout: '' });
});

test('cells are registered, listed, changed and removed; values keep their characters', async () => {
  const strange = `o'cell "3" -- 50% \\ $x`;
  const { dataApi } = cloud.service;
  expect(await cellV2('create_cell', '--name', 'x')).toEqual(says(1, 'Must specify --database_connection.'));
  expect((await cellV2('create_cell', '--database_connection', 'mysql://x')).stdout).toMatch(/^Invalid database connection: /);
  expect(await cellV2('create_cell', '--database_connection', databaseUrl('none'))).toMatchObject({ code: 1 });
  const taken = await cellV2('create_cell', '--database_connection', databaseUrl('cell1'));
  expect(taken).toMatchObject({ code: 2, stdout: expect.stringContaining(`with uuid ${await uuidOf('cell1')}.`) });

  // Only a fourth database is missing: cell3 leaves its own.
  const uuid = await uuidOf('cell3');
  expect(await cellV2('delete_cell', '--cell_uuid', uuid)).toEqual(says(2, `There are existing hosts mapped to cell with uuid ${uuid}.`));
  dataApi.faults.add({ cluster: 'cell3', kind: 'down' });
  expect(await cellV2('delete_cell', '--cell_uuid', uuid, '--force')).toEqual(silent(0));
  dataApi.faults.clear();
  expect(await cellV2('delete_cell', '--cell_uuid', uuid)).toEqual(says(1, `Cell with uuid ${uuid} was not found.`));
  expect(await query(cloud.service.api, `select host from host_states where host like 'cell3%'`)).toEqual([]);

  const url = 'rabbit://someone:se:cr@et@host:5672/vhost';
  const create = ['create_cell', '--name', strange, '--database_connection', databaseUrl('cell3'), '--transport-url', url];
  const created = await cellV2(...create, '--disabled', '--verbose');
  expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) });
  const made = created.stdout.trim();
  const listed = await cellV2('list_cells');
  expect(listed.stdout).toMatch(/^\+-+\+[\s\S]*\| Name +\| UUID +\| Transport URL +\| Database Connection +\| Disabled \|\n/);
  expect(listed.stdout).toContain(`| ${strange} | ${made} | rabbit://someone:****@host:5672/vhost | ${databaseUrl('cell3')}`);
  expect(listed.stdout).toMatch(new RegExp(`\\| cell0 +\\| ${cell0} \\| none:/// +\\| rds-data://.*\\| False +\\|`));
  expect((await cellV2('list_cells', '--verbose')).stdout).toContain(url);
  expect(JSON.parse((await cellV2('list_cells', '--json', '--verbose')).stdout)).toContainEqual({
    ...{ uuid: made, name: strange, transport_url: url, database_connection: databaseUrl('cell3'), disabled: true },
  });
  const second = await cellV2('update_cell', '--cell_uuid', await uuidOf('cell2'), '--transport-url', url);
  expect(second).toMatchObject({ code: 3, stdout: expect.stringContaining(made) });

  const update = (...args: string[]) => cellV2('update_cell', '--cell_uuid', made, ...args);
  expect(await update('--disable')).toEqual(says(0, `Cell ${made} is already disabled`));
  expect(await update('--disable', '--enable')).toEqual(says(4, 'Cell cannot be disabled and enabled at the same time.'));
  expect(await update('--enable')).toEqual(silent(0));
  expect(await update('--database_connection', databaseUrl('cell1'))).toMatchObject({ code: 3 });
  expect(await update('--database_connection', databaseUrl('none'))).toMatchObject({
    code: 2,
    stdout: expect.stringMatching(/^Unable to update CellMapping: /),
  });
  expect(await update('--name', 'cell3')).toEqual(silent(0));
  expect(await query(cloud.service.api, 'select * from cell_mappings where uuid = :made::uuid', { made })).toMatchObject([
    { name: 'cell3', transport_url: url, database_connection: databaseUrl('cell3'), disabled: false },
  ]);
  expect(await cellV2('update_cell', '--cell_uuid', nobody)).toEqual(says(1, `Cell with uuid ${nobody} was not found.`));
  expect(await cellV2('update_cell', '--cell_uuid', cell0, '--disable')).toEqual(says(5, 'Cell0 cannot be disabled.'));
});

test('hosts are discovered, listed and deleted', async () => {
  const [one, two, three] = await Promise.all(['cell1', 'cell2', 'cell3'].map(uuidOf));
  const node = '22222222-0000-4000-8000-000000000001';
  const fresh = { uuid: node, host: `new-host'1`, total: { VCPU: 4, MEMORY_MB: 4_096, DISK_GB: 50 } };
  await saveComputeNodes(cloud.database('cell2'), [fresh]);
  const discover = (...args: string[]) => cellV2('discover_hosts', ...args);
  expect(await discover('--strict', '--cell_uuid', one ?? '')).toEqual(silent(1));
  expect(await discover('--cell_uuid', nobody)).toMatchObject({ code: 255, stderr: expect.stringContaining('was not found') });
  const both = await Promise.all([discover('--verbose', '--cell_uuid', two ?? ''), discover('--cell_uuid', two ?? '')]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  // cell3 was registered anew, its hosts are still in its database.
  const verbose = await discover('--verbose', '--strict', '--by-service');
  expect(verbose.code).toBe(0);
  const lines = verbose.stdout.split('\n');
  expect(lines.slice(0, 4)).toEqual([
    'Found 4 cell mappings.',
    'Skipping cell0 since it does not contain hosts.',
    `Getting computes from cell 'cell1': ${one}`,
    `Found 0 unmapped computes in cell: ${one}`,
  ]);
  expect(lines.slice(6, 12)).toEqual([
    `Getting computes from cell 'cell3': ${three}`,
    expect.stringMatching(/^Checking host mapping for compute host 'cell3-host1': [0-9a-f-]{36}$/),
    expect.stringMatching(/^Creating host mapping for compute host 'cell3-host1': [0-9a-f-]{36}$/),
    expect.stringMatching(/^Checking host mapping for compute host 'cell3-host2': [0-9a-f-]{36}$/),
    expect.stringMatching(/^Creating host mapping for compute host 'cell3-host2': [0-9a-f-]{36}$/),
    `Found 2 unmapped computes in cell: ${three}`,
  ]);
  expect(await query(cloud.service.api, 'select vcpu, memory_mb, disk_gb, pickable from host_states where host = :host', fresh)).toEqual([
    { vcpu: 4, memory_mb: 4_096, disk_gb: 50, pickable: true },
  ]);

  const listed = await cellV2('list_hosts', '--cell_uuid', two ?? '');
  expect(listed.stdout).toMatch(/\| Cell Name \| Cell UUID +\| Hostname +\|\n/);
  expect(listed.stdout.match(/\| cell2 +\|/g)).toHaveLength(3);
  expect(JSON.parse((await cellV2('list_hosts', '--json')).stdout)).toHaveLength(7);
  expect(await cellV2('list_hosts', '--cell_uuid', nobody)).toEqual(says(1, `Cell with uuid ${nobody} was not found.`));

  // A host of the same name in another cell is found out, and takes nothing from the first.
  await saveComputeNodes(cloud.database('cell1'), [{ ...fresh, uuid: nobody, total: { VCPU: 1, MEMORY_MB: 1, DISK_GB: 1 } }]);
  expect(await discover('--cell_uuid', one ?? '')).toMatchObject({
    code: 2,
    stdout: `ERROR: Duplicate host mapping was encountered. Host 'new-host'1' of cell 'cell1' is mapped to the cell with uuid ${two} already.\n`,
  });
  await query(cloud.database('cell1'), 'delete from compute_nodes where host = :host', fresh);
  expect(await query(cloud.service.api, 'select vcpu from host_states where host = :host', fresh)).toEqual([{ vcpu: 4 }]);

  const remove = (host: string, cell = two ?? '') => cellV2('delete_host', '--cell_uuid', cell, '--host', host);
  expect(await remove(fresh.host, nobody)).toEqual(says(1, `Cell with uuid ${nobody} was not found.`));
  expect(await remove('nowhere')).toEqual(says(2, 'The host nowhere was not found.'));
  expect(await remove('cell1-host1')).toEqual(says(3, `The host cell1-host1 was not found in the cell ${two}.`));
  await user.settled(await user.boot());
  const [busy] = await query<{ host: string; cell: string }>(
    cloud.service.api,
    `select p.name as host, c.uuid as cell from allocations a join resource_providers p on p.id = a.resource_provider_id
     join host_mappings h on h.host = p.name join cell_mappings c on c.id = h.cell_id limit 1`,
  );
  expect(await remove(busy?.host ?? '', busy?.cell)).toEqual(says(4, `There are instances on the host ${busy?.host}.`));
  expect(await remove(fresh.host)).toEqual(silent(0));
  expect(await query(cloud.service.api, 'select id from resource_providers where name = :host', fresh)).toEqual([]);
  await query(cloud.database('cell2'), 'delete from compute_nodes where host = :host', fresh);
  await comeToRest(cloud.service);
  expect(await findings()).toEqual([]);
});

test('a cell that does not answer is reported, and the others are seen to', async () => {
  const fresh = { uuid: '22222222-0000-4000-8000-000000000002', host: 'another', total: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 5 } };
  await saveComputeNodes(cloud.database('cell3'), [fresh]);
  await query(cloud.database('cell3'), `update services set disabled = true where host = 'another'`);
  cloud.service.dataApi.faults.add({ cluster: 'cell1', kind: 'down' });
  const { code, stdout, stderr } = await cellV2('discover_hosts', '--json');
  cloud.service.dataApi.faults.clear();
  expect(code).toBe(255);
  expect(stderr).toMatch(/^cellzero: cell1: /);
  expect(JSON.parse(stdout)).toMatchObject({
    cells: [
      { cell: 'cell2', mapped: [] },
      { cell: 'cell3', mapped: ['another'] },
    ],
    failures: [{ cell: 'cell1' }],
  });
  expect(await query(cloud.service.api, `select service_disabled from host_states where host = 'another'`)).toEqual([
    { service_disabled: true },
  ]);
  await cellV2('delete_host', '--cell_uuid', await uuidOf('cell3'), '--host', 'another');
  await query(cloud.database('cell3'), `delete from compute_nodes where host = 'another'`);
});

test('a cell with servers cannot be deleted, cell0 neither; an empty one can, and its database be registered again', async () => {
  await user.boot({ min_count: 8, max_count: 8 });
  await user.boot({ flavorRef: await cloud.newFlavor({ disk: 5_000 }) });
  await cloud.service.workflow.drain();
  const remove = (uuid: string, ...args: string[]) => cellV2('delete_cell', '--cell_uuid', uuid, ...args);
  const there = (uuid: string) => says(3, `There are existing instances mapped to cell with uuid ${uuid}.`);
  expect(await remove(cell0, '--force')).toEqual(there(cell0));
  const three = await uuidOf('cell3');
  const { body } = await user.send<{ servers: { id: string }[] }>('GET', '/servers');
  for (const { id } of body.servers) if ((await cellOf(id)).uuid === three) await user.send('DELETE', `/servers/${id}`);
  await comeToRest(cloud.service);
  // The index has nothing living there, but the cell itself has.
  await query(
    cloud.database('cell3'),
    `insert into instances (uuid, user_id, project_id, vm_state, memory_mb, vcpus, root_gb, ephemeral_gb, reservation_id)
     values (:id::uuid, 'u', 'p', 'active', 1, 1, 1, 0, 'r')`,
    { id: nobody },
  );
  expect(await remove(three, '--force')).toEqual(there(three));
  await query(cloud.database('cell3'), 'delete from instances where uuid = :id::uuid', { id: nobody });
  const deleted = await query(
    cloud.service.api,
    'select m.id from instance_mappings m join cell_mappings c on c.id = m.cell_id where c.uuid = :three::uuid',
    { three },
  );
  if (deleted.length === 0) throw new Error('the test needs a deleted server in cell3');
  await query(cloud.service.api, `delete from host_mappings where host like 'cell3%'`);
  expect(await remove(three)).toMatchObject({
    code: 4,
    stdout: expect.stringMatching(/^There are instance mappings to cell[\s\S]*archive_deleted_rows/),
  });
  expect(await remove(three, '--force')).toEqual(silent(0));
  expect(await findings()).toEqual([]);

  const again = await cellV2('map_cell_and_hosts', '--name', 'cell3', '--database_connection', databaseUrl('cell3'), '--verbose');
  expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) });
  expect(await cellV2('map_cell_and_hosts')).toEqual(says(0, 'All hosts are already mapped to cell(s).'));
  expect(await cellV2('map_cell_and_hosts', '--database_connection', databaseUrl('none'))).toMatchObject({ code: 1 });
  expect(await cellV2('map_cell_and_hosts', '--database_connection', databaseUrl('cell0'))).toMatchObject({ code: 1 });
});

test('cell0 is registered once, and everything is set up', async () => {
  expect(await cellV2('map_cell0')).toEqual(says(0, 'Cell0 is already setup'));
  expect(await cellV2('simple_cell_setup', '--transport-url', 'rabbit://x')).toEqual(
    says(0, 'Cell0 is already setup', 'All hosts are already mapped to cell(s).'),
  );
  const { body } = await user.send<{ servers: { id: string }[] }>('GET', '/servers');
  for (const { id } of body.servers) await user.send('DELETE', `/servers/${id}`);
  await comeToRest(cloud.service);
  expect(await cellV2('delete_cell', '--cell_uuid', cell0)).toMatchObject({ code: 4 });
  expect(await cellV2('delete_cell', '--cell_uuid', cell0, '--force')).toEqual(silent(0));
  expect(await cellV2('map_cell0')).toMatchObject({ code: 1, stdout: expect.stringContaining('--database_connection') });
  expect(await cellV2('simple_cell_setup')).toMatchObject({ code: 1 });
  expect(await cellV2('map_cell0', '--database_connection', databaseUrl('cell1'))).toMatchObject({ code: 1 });
  expect(await cellV2('map_cell0', '--database_connection', databaseUrl('cell0'))).toEqual(silent(0));
  expect(await query(cloud.service.api, 'select uuid, transport_url from cell_mappings where name = :name', { name: 'cell0' })).toEqual([
    { uuid: cell0, transport_url: 'none:///' },
  ]);
  for (const name of ['cell1', 'cell2', 'cell3']) await query(cloud.database(name), 'delete from compute_nodes');
  expect(await cellV2('simple_cell_setup')).toEqual(says(1, 'Cell0 is already setup', 'No hosts found to map to cell, exiting.'));
});
