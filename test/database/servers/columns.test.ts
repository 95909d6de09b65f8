/** The declared columns of a server against the migrated schema of a cell, and on their way through the databases. */

import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordBuild } from '../../../compute/boot/record-build.ts';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { setTargetCell } from '../../../database/api/servers/build-requests.ts';
import { createInstances } from '../../../database/cell/instances/create.ts';
import { findInstances } from '../../../database/cell/instances/find.ts';
import { query } from '../../../database/data-api/client.ts';
import { blockDeviceColumns, type Column, initialValues, instanceColumns } from '../../../database/servers/columns.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';
import { acceptServer } from '../../fixtures/stepwise-boot.ts';

describe('the schema of a cell', () => {
  /** Nova's columns that nothing here uses, and why. */
  const unused = {
    instances: {
      ...{
        os_type: 'what an image is for',
        closed_to: 'says whether the row may change, and nothing of the server',
        architecture: 'what an image is for',
        vm_mode: 'what an image is for',
      },
      ...{ cleaned: 'hosts tidy up when they are asked to', hidden: 'no server is in two cells' },
    },
    block_device_mapping: {
      ...{
        id: 'their order',
        instance_uuid: 'of the server',
        no_device: 'such a device is left out',
        attachment_id: 'no volume is attached',
      },
      ...{ created_at: 'of the table', updated_at: 'of the table', deleted_at: 'of the table', deleted: 'of the table' },
    },
  };

  const postgres = sharedPostgres();
  let client: Client;
  beforeAll(async () => {
    client = new Client({ ...postgres.connection, database: await postgres.createDatabase('cellzero_cell') });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await postgres.stop();
  });

  test.each([
    ['instances', instanceColumns, unused.instances],
    ['shadow_instances', instanceColumns, unused.instances],
    ['block_device_mapping', blockDeviceColumns, unused.block_device_mapping],
    ['shadow_block_device_mapping', blockDeviceColumns, unused.block_device_mapping],
  ])('has in %s the columns that are declared, and others for a reason', async (table, columns: ReadonlyMap<string, Column>, others) => {
    const { rows } = await client.query<{ name: string; type: string; nullable: boolean }>(
      `select column_name as name, data_type as type, is_nullable = 'YES' as nullable from information_schema.columns where table_name = $1`,
      [table],
    );
    const typeOf = ({ type }: Column) => (type === 'timestamptz' ? 'timestamp with time zone' : type);
    const declared = [...columns].map(([name, column]) => ({ name, type: typeOf(column), nullable: column.nullable ?? false }));
    expect(rows.filter(({ name }) => columns.has(name)).toSorted(byName)).toEqual(declared.toSorted(byName));
    expect(rows.flatMap(({ name }) => (columns.has(name) ? [] : [name])).toSorted()).toEqual(Object.keys(others).toSorted());
  });

  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
});

describe('a server', () => {
  let cloud: Cloud;
  beforeAll(async () => {
    cloud = await startCloud();
  });
  afterAll(() => cloud?.stop());

  /** A server as its build request has it. */
  async function accepted() {
    const { id, execution } = await acceptServer(cloud);
    const read = async () => {
      const instance = (await setTargetCell(cloud.service.api, execution, [id], cell0)).get(id)?.instance;
      if (!instance) throw new Error('no build request');
      return instance;
    };
    return { id, execution, read };
  }

  test('has every column in its build request, and the same in its cell', async () => {
    const { id, execution, read } = await accepted();
    const instance = { ...(await read()), execution, fencing_token: 7 };
    expect([...instanceColumns.keys()].filter((column) => !(column in instance))).toEqual(['id']);
    // What an accepted server has not yet is written, too.
    const disk = {
      ...{ uuid: id, source_type: 'volume', destination_type: 'volume', guest_format: 'ext4', device_type: 'disk', disk_bus: 'virtio' },
      ...{ boot_index: 1, device_name: '/dev/vdb', delete_on_termination: true, snapshot_id: 's', volume_id: 'v', volume_size: 3 },
      ...{ volume_type: 'fast', image_id: 'i', tag: 'data' },
    };
    const time = '2026-01-02T03:04:05.678901+00:00';
    const { secrets, ...shown } = {
      ...instance,
      ...{
        host: 'host',
        node: 'node',
        launched_on: 'host',
        kernel_id: 'k',
        ramdisk_id: 'r',
        root_device_name: '/dev/vda',
        key_data: 'key',
      },
      ...{ locked: true, locked_by: 'admin', progress: 50, launched_at: time, terminated_at: time, deleted_at: time, power_state: 1 },
      ...{ deleted: 1, vm_state: 'active' as const, task_state: null, user_data: 'data', key_name: 'name', display_description: 'text' },
      ...{ availability_zone: 'zone', access_ip_v4: '192.0.2.1', access_ip_v6: '2001:db8::1', block_device_mappings: [disk] },
    };
    const event = { event: 'create', finish_time: null, result: null, details: null };
    const actions = recordBuild({ requestId: 'req', former: null }, shown, event);
    await createInstances(cloud.database('cell0'), [{ instance: { ...shown, secrets }, actions }]);
    const read0 = (await findInstances(cloud.database('cell0'), [id], 'all')).get(id);
    expect(read0).toMatchObject({ ...shown, updated_at: expect.any(String), id: expect.any(Number) });
    expect(secrets).toEqual({ sealed: expect.any(String) });
    expect(read0, 'for its host alone').not.toHaveProperty('secrets');
  });

  test('that was accepted before a column was there has its initial value', async () => {
    const { id, read } = await accepted();
    const before = await read();
    await query(
      cloud.service.api,
      `update build_requests set instance = instance - 'locked' - 'kernel_id' where instance_uuid = :id::uuid`,
      { id },
    );
    expect(await read()).toEqual(before);
    expect(before).toMatchObject(initialValues);
  });
});
