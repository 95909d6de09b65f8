/** No integer of a request is larger than its column, so none is accepted that no cell, and not even cell0, can hold. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { listQuotaFaults } from '../../../database/api/audit/sums.ts';
import { adoptServers } from '../../../database/api/cells/map-instances.ts';
import { releaseServers } from '../../../database/api/servers/release.ts';
import { query } from '../../../database/data-api/client.ts';
import { latest, microversions } from '../../../lambdas/api/compute/microversions.ts';
import type { Route } from '../../../lambdas/api/http/routing/route.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../fixtures/cloud.ts';
import { routedServices } from './routes.ts';
import { fieldsOf } from './schema-fields.ts';

let cloud: Cloud;
let admin: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  admin = await cloud.newUser('admin');
});
afterAll(() => cloud?.stop());

const bodyOfDevice = 'server.block_device_mapping_v2';

/** Every number of every body, with the columns it is stored in as it is. One without a column says where it is bounded. */
const numbers: Readonly<Record<string, string[]>> = {
  // At most 500 servers are accepted at once (compute/servers/create-servers.ts).
  'POST /servers server.min_count': [],
  'POST /servers server.max_count': [],
  'POST /servers/{id}/action createBackup.rotation': ['api images.rotation'],
  // Lines of a text that is at hand.
  'POST /servers/{id}/action os-getConsoleOutput.length': [],
  [`POST /servers ${bodyOfDevice}.boot_index`]: ['cell block_device_mapping.boot_index'],
  [`POST /servers ${bodyOfDevice}.volume_size`]: ['cell block_device_mapping.volume_size'],
  'POST /flavors flavor.ram': ['api flavors.memory_mb', 'cell instances.memory_mb'],
  'POST /flavors flavor.vcpus': ['api flavors.vcpus', 'cell instances.vcpus'],
  'POST /flavors flavor.disk': ['api flavors.root_gb', 'cell instances.root_gb'],
  'POST /flavors flavor.OS-FLV-EXT-DATA:ephemeral': [
    ...['api flavors.ephemeral_gb', 'cell instances.ephemeral_gb', 'cell block_device_mapping.volume_size'],
  ],
  'POST /flavors flavor.swap': ['api flavors.swap', 'cell block_device_mapping.volume_size'],
  'POST /flavors flavor.rxtx_factor': ['api flavors.rxtx_factor'],
  // In the JSON of instance_group_policy.rules, which the scheduler reads as an integer: this is one.
  'POST /os-server-groups server_group.rules.max_server_per_host': ['api quotas.hard_limit'],
  ...Object.fromEntries(
    [
      ...['instances', 'cores', 'ram', 'metadata_items', 'key_pairs', 'server_groups', 'server_group_members'],
      ...['injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes'],
      ...['fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules'],
    ].map((name) => [`PUT /os-quota-sets/{id} quota_set.${name}`, ['api quotas.hard_limit']]),
  ),
};

/** Fields of any form. Of a device only whether there is something is read, of hints a text is made, domains and the system are no scopes here. */
const anything = [
  `POST /servers ${bodyOfDevice}.no_device`,
  ...['os:scheduler_hints', 'OS-SCH-HNT:scheduler_hints'].map((hints) => `POST /servers ${hints}.query`),
  ...['POST /v3/auth/tokens auth.scope.domain', 'POST /v3/auth/tokens auth.scope.system'],
];

/** Columns of sums and products of integers; an integer would not do. */
const sums = ['api quota_usages.cores', 'api quota_usages.ram', 'api allocations.used', 'api inventories.used', 'api inventories.free'];

/** Columns with numbers that no request names: ids of ours, counts of rows, what operators' commands set, what hosts have. */
const ours = [
  ...[
    'api schema_migrations.version',
    'api quota_usages.instances',
    'api instance_groups.generation',
    'api resource_providers.generation',
    'api build_failures.builds',
    'api pending_cleanups.generation',
    'api host_cleanups.generation',
  ],
  'api cell_mappings.simulated_hosts',
  ...['api migration_consumers.cores', 'api migration_consumers.ram', 'cell host_reports.sequence', 'cell instances.closed_to'],
  ...['api instance_mappings.instances', 'api instance_mappings.cores', 'api instance_mappings.ram'],
  ...['api images.size', 'api images.min_disk', 'api images.min_ram'],
  ...['api inventories.total', 'api inventories.reserved', 'api inventories.allocation_ratio'],
  ...['api host_states.cell_id', 'api host_states.vcpu', 'api host_states.memory_mb', 'api host_states.disk_gb'],
  ...['cell schema_migrations.version', 'cell instances.launch_index', 'cell instances.power_state', 'cell instances.instance_type_id'],
  ...[
    'cell instances.progress',
    'cell instances.cleaned',
    'cell instance_faults.code',
    'cell services.report_count',
    'cell services.version',
  ],
  ...['hypervisor_version', 'vcpus', 'memory_mb', 'local_gb', 'mapped'].map((column) => `cell compute_nodes.${column}`),
];

const ranges: Readonly<Record<string, [least: number, most: number]>> = {
  smallint: [-(2 ** 15), 2 ** 15 - 1],
  integer: [-(2 ** 31), 2 ** 31 - 1],
  bigint: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  'double precision': [-Number.MAX_VALUE, Number.MAX_VALUE],
};

/** Numbers around everything that could be a bound, each as a number and in digits. */
const candidates = [1, 15, 31, 32, 53, 63, 64, 1000]
  .flatMap((bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1])
  .flatMap((number) => [number, -number])
  .flatMap((number) => [number, BigInt(number).toString()])
  .concat([0, '0', Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, '9'.repeat(400), `-${'9'.repeat(400)}`]);

/** The least and the most that a field lets through as a number; undefined when it takes none. */
function rangeOf(schema: z.core.$ZodType): [least: number, most: number] | undefined {
  const taken = candidates.flatMap((value) => {
    const result = z.safeParse(schema, value);
    return result.success && typeof result.data === 'number' ? [result.data] : [];
  });
  return taken.length > 0 ? [Math.min(...taken), Math.max(...taken)] : undefined;
}

/** Every number of every body by route and path, with what it lets through at any microversion. */
function numbersOf(routes: readonly Route[]): Map<string, [least: number, most: number]> {
  const found = new Map<string, [number, number]>();
  for (const { method, path: route, body, isIn } of routes.flatMap((each) => [each, ...(each.actions?.values() ?? [])])) {
    for (const microversion of body ? microversions : []) {
      if (!body || !isIn(microversion)) continue;
      for (const { path, schema } of fieldsOf(body(microversion))) {
        const range = rangeOf(schema);
        const [least, most] = found.get(`${method} ${route} ${path}`) ?? [0, 0];
        if (range) found.set(`${method} ${route} ${path}`, [Math.min(least, range[0]), Math.max(most, range[1])]);
      }
    }
  }
  return found;
}

/** The types of all columns with numbers, but for fencing tokens, ids that PostgreSQL generates, references to them, and the mark of a deleted row. */
async function numericColumns(): Promise<Map<string, string>> {
  const columns = await Promise.all(
    (['api', 'cell1'] as const).map(async (database) => {
      const rows = await query<{ column: string; type: string }>(
        cloud.database(database),
        `select table_name || '.' || column_name as column, data_type as type from information_schema.columns c
         where table_schema = 'public' and data_type in ('smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision')
           and is_identity = 'NO' and column_name not in ('deleted', 'fencing_token') and table_name not like 'shadow\\_%'
           and not exists (
             select from information_schema.key_column_usage k join information_schema.table_constraints t using (constraint_name)
             where t.constraint_type = 'FOREIGN KEY' and k.table_name = c.table_name and k.column_name = c.column_name)`,
      );
      return rows.map(({ column, type }): [string, string] => [`${database === 'api' ? 'api' : 'cell'} ${column}`, type]);
    }),
  );
  return new Map(columns.flat());
}

describe('a number of a body', () => {
  const found = numbersOf(routedServices.flatMap(({ routes }) => routes));

  test('is known, with the columns it is stored in', () => {
    expect([...found.keys()].sort()).toEqual([...Object.keys(numbers), ...anything].sort());
  });

  test('fits into its columns, whatever the request holds', async () => {
    const types = await numericColumns();
    for (const [field, [least, most]] of found) {
      const columns = numbers[field] ?? [];
      if (columns.length === 0 && !anything.includes(field)) expect(most, field).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
      for (const column of columns) {
        const [smallest, largest] = ranges[types.get(column) ?? ''] ?? [0, 0];
        expect(least, `${field} in ${column}`).toBeGreaterThanOrEqual(smallest);
        expect(most, `${field} in ${column}`).toBeLessThanOrEqual(largest);
      }
    }
  });

  test('or sum of them has a column for it, and no column is left out', async () => {
    const types = await numericColumns();
    const stored = new Set(Object.values(numbers).flat());
    expect([...types.keys()].filter((column) => ![...stored, ...sums, ...ours].includes(column))).toEqual([]);
    expect([...stored, ...sums, ...ours].filter((column) => !types.has(column))).toEqual([]);
    for (const column of sums) expect([column, types.get(column)]).toEqual([column, 'bigint']);
  });
});

/** Makes a user whose project has no limits. */
async function unlimited(): Promise<User> {
  const user = await cloud.newUser();
  const boss = await cloud.newUser('admin', user.projectId);
  const quota_set = { instances: -1, cores: -1, ram: -1 };
  expect((await boss.send('PUT', `/os-quota-sets/${user.projectId}`, { body: { quota_set } })).status).toBe(200);
  return user;
}

const most = 2 ** 31 - 1;

describe('the largest servers there can be', () => {
  test('are accepted, counted to the digit, buried and given back', async () => {
    const user = await unlimited();
    const sizes = { ram: most, vcpus: most, disk: most, swap: most, 'OS-FLV-EXT-DATA:ephemeral': most };
    await admin.send('POST', '/flavors', { body: { flavor: { name: 'largest', id: 'largest', ...sizes } } });
    await user.boot({ flavorRef: 'largest', min_count: 3, max_count: 3 });
    await cloud.service.workflow.drain();
    const { body } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail');
    const ids = body.servers.map(({ id }) => id);
    expect(body.servers.map(({ status }) => status)).toEqual(['ERROR', 'ERROR', 'ERROR']);
    const used = async () => (await user.send('GET', '/limits')).body;
    const absolute = { totalInstancesUsed: 3, totalCoresUsed: 3 * most, totalRAMUsed: 3 * most };
    expect(await used()).toMatchObject({ limits: { absolute } });
    expect(await listQuotaFaults(cloud.service.api)).toEqual([]);
    // What the reaper does for deletes that stopped halfway, for all of them in one statement.
    await releaseServers(cloud.service.api, ids);
    expect(await used()).toMatchObject({ limits: { absolute: { totalInstancesUsed: 0, totalCoresUsed: 0, totalRAMUsed: 0 } } });
  });

  test('find capacity where there is more than an integer of it', async () => {
    const user = await unlimited();
    const { api } = cloud.service;
    const flavor = { name: 'broad', id: 'broad', ram: 1, vcpus: 1, disk: most, 'OS-FLV-EXT-DATA:ephemeral': most };
    await admin.send('POST', '/flavors', { body: { flavor } });
    const before = `update inventories set total = ${most}, allocation_ratio = 4 where resource_class = 'DISK_GB'`;
    const after = `update inventories set total = 500, allocation_ratio = 1 where resource_class = 'DISK_GB'`;
    await query(api, before);
    const id = await user.boot({ flavorRef: 'broad' });
    expect((await user.settled(id)).status).toBe('ACTIVE');
    expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
    expect(await query(api, 'select used from inventories where used <> 0')).toEqual([]);
    await query(api, after);
  });

  test('are taken into the index of a cell that has them', async () => {
    const { api } = cloud.service;
    const user = await cloud.newUser();
    const sizes = { memory_mb: most, vcpus: most, root_gb: most, ephemeral_gb: most, swap: 0 };
    const servers = Array.from({ length: 3 }, () => ({
      ...{ uuid: randomUUID(), project_id: user.projectId, user_id: user.userId, created_at: new Date().toISOString(), deleted_at: null },
      ...{ building: false, host: 'cell1-host1', resources: { VCPU: most, MEMORY_MB: most, DISK_GB: 2 * most } },
      spec: { flavor: { ...sizes, flavorid: 'x', name: 'x', extra_specs: {} }, image: null, availability_zone: null, scheduler_hints: {} },
    }));
    expect(await adoptServers(api, cell0, servers)).toBe(3);
    const absolute = { totalInstancesUsed: 3, totalCoresUsed: 3 * most, totalRAMUsed: 3 * most };
    expect((await user.send('GET', '/limits')).body).toMatchObject({ limits: { absolute } });
    const ids = servers.map(({ uuid }) => uuid);
    await releaseServers(api, ids);
    expect(await query(api, 'select used from inventories where used <> 0')).toEqual([]);
  });

  test('and more of them than anybody can count are refused in plain digits', async () => {
    const { body } = await admin.send<Record<string, { message: string }>>('POST', '/servers', {
      body: {
        server: {
          ...{ name: 'n', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' },
          ...{ min_count: '9'.repeat(400), max_count: '9'.repeat(400) },
        },
      },
    });
    const [count, ram] = [Number.MAX_SAFE_INTEGER, BigInt(Number.MAX_SAFE_INTEGER) * 512n];
    expect(body.forbidden?.message).toBe(
      `Quota exceeded for cores, instances, ram: Requested ${count}, ${count}, ${ram}, but already used 0, 0, 0 of 20, 10, 51200 cores, instances, ram`,
    );
  });
});

test.each([-(2 ** 31), String(-(2 ** 31)), -1, null])('a disk with boot_index %j is kept by the cell', async (boot_index) => {
  const user = await cloud.newUser();
  const id = await user.boot({
    block_device_mapping_v2: [
      ...[{ uuid: 'c1220500-0000-4000-8000-000000000001', source_type: 'image', destination_type: 'local', boot_index: 0 }],
      ...[{ source_type: 'blank', destination_type: 'volume', volume_size: 1, boot_index }],
    ],
  });
  expect((await user.settled(id)).status).toBe('ACTIVE');
  const kept = `select boot_index from block_device_mapping where instance_uuid = :id::uuid and source_type = 'blank'`;
  expect(await query(cloud.database('cell1'), kept, { id })).toEqual([{ boot_index: boot_index === null ? null : Number(boot_index) }]);
  await user.send('DELETE', `/servers/${id}`);
});

describe('a query is answered or refused, never failed on, whatever its parameters hold', () => {
  const values = [
    ...['-1', '-2147483649', '2147483648', '9223372036854775808', '-9223372036854775809', '9'.repeat(400), '1e400', 'NaN'],
    ...['0000', '0000-01-01', '0001-01-01T00:00:00+23:59', '9999-12-31T23:59:59-23:59', '9999-12-31T23:59:59Z'],
  ];
  const asked = routedServices.flatMap(({ root, routes }) =>
    routes.flatMap(({ method, path, query: schema }) => {
      const shape = schema?.(latest);
      return method === 'GET' && shape instanceof z.ZodObject ? [{ root, path, names: Object.keys(shape.shape) }] : [];
    }),
  );

  test.each(asked)('GET $root $path', async ({ root, path, names }) => {
    const server = await admin.boot();
    const id = path.startsWith('/servers/') ? server : path.startsWith('/os-quota-sets') ? admin.projectId : '1';
    const url = `${cloud.service.url}${root}${path.replace('{id}', id)}`;
    const headers = { 'X-Auth-Token': admin.token, 'OpenStack-API-Version': `compute ${latest}` };
    const failed: string[] = [];
    for (const name of names) {
      const replies = values.map(async (value) => {
        const reply = await fetch(`${url}?${new URLSearchParams({ [name]: value })}`, { headers });
        await reply.body?.cancel();
        if (reply.status >= 500) failed.push(`${name}=${value}: ${reply.status}`);
      });
      await Promise.all(replies);
    }
    await admin.send('DELETE', `/servers/${server}`);
    expect(names.length).toBeGreaterThan(0);
    expect(failed).toEqual([]);
  });
});
