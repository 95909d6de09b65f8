/** Every kind of damage, done by SQL to a healthy cloud, is found as what it is, and nothing else is. */
import { expect, test } from 'vitest';
import { audit, isClean } from '../../../compute/audit/audit.ts';
import { type Kind, kinds } from '../../../compute/audit/findings.ts';
import { purgeInstances } from '../../../database/cell/reaper.ts';
import { parseDatabaseUrl } from '../../../database/data-api/url.ts';
import { claimOn, requestBuild, unclaim, type Victim, writeRow } from '../../fixtures/damage.ts';
import { auditACloud, audited, inCell, run, settled, someone } from './audited-cloud.ts';

auditACloud();

const inApi = (sql: string, { id }: Victim) => run('api', sql, { id });
const otherHost = ({ cell, host }: Victim) => (host.endsWith('1') ? `${cell}-host2` : `${cell}-host1`);
const giveQuotaBack = ({ project }: Victim) =>
  run('api', 'update quota_usages set instances = 0, cores = 0, ram = 0 where project_id = :project', { project });

const holdNothing = async (server: Victim) => {
  await inApi('update instance_mappings set instances = 0, cores = 0, ram = 0 where instance_uuid = :id::uuid', server);
  await giveQuotaBack(server);
};
const softDeleted = `vm_state = 'soft-delete', deleted_at = now()`;
const queueImage = (server: Victim) =>
  inApi(
    `insert into images (id, name, owner, visibility, status, instance_uuid, request_id)
     values (gen_random_uuid(), 'left', 'nobody', 'private', 'queued', :id::uuid, 'req-1')`,
    server,
  );

/** SQL that puts a server into a task whose host was asked some seconds ago. */
const taskSince = (seconds: number) => `task_state = 'pausing', task = jsonb_build_object(
  'action', 'pause', 'request_id', 'req-1', 'attempt', 1, 'arguments', '{}'::jsonb, 'due_at', null, 'asked_at', now() - interval '${seconds} seconds')`;

interface Damage {
  /** Who is damaged: a server in a cell, one in cell0, or nobody. */
  who: Parameters<typeof someone>[0];
  /** How it comes about. */
  do(victim: Victim): Promise<unknown>;
}

const damages: [Kind, string, Damage][] = [
  [
    'orphan-mapping',
    'a mapping without cell and build request',
    {
      who: 'active',
      async do(server) {
        await unclaim(run, server.id);
        await wipeRow(server);
        await inApi('update instance_mappings set cell_id = null where instance_uuid = :id::uuid', server);
      },
    },
  ],
  ['build-request-without-mapping', 'a build request alone', { who: 'nobody', do: ({ id, project }) => requestBuild(run, id, project) }],
  [
    'request-spec-without-mapping',
    'a request spec alone',
    { who: 'nobody', do: (server) => inApi(`insert into request_specs (instance_uuid, spec) values (:id::uuid, '{}')`, server) },
  ],
  ['mapping-without-row', 'a server whose row was removed', { who: 'active', do: (server) => wipeRow(server) }],
  ['mapping-without-row', 'a buried server whose row was removed', { who: 'buried', do: (server) => wipeRow(server) }],
  ['row-without-mapping', 'a row alone', { who: 'nobody', do: (server) => writeRow(run, 'cell2', server) }],
  ['orphan-build-request', 'a build request beside a cell', { who: 'active', do: ({ id, project }) => requestBuild(run, id, project) }],
  ['row-in-wrong-cell', 'a row in two cells', { who: 'active', do: (server) => writeRow(run, server.other, server) }],
  ['row-in-wrong-cell', 'a buried server in a cell', { who: 'buried', do: (server) => writeRow(run, 'cell1', server) }],
  ...(['instance_extra', 'instance_info_caches'] as const).map((table): (typeof damages)[number] => [
    'incomplete-server',
    `a server without ${table}`,
    { who: 'active', do: (server) => run(server.cell, `delete from ${table} where instance_uuid = :id::uuid`, { id: server.id }) },
  ]),
  [
    'incomplete-server',
    'a server without its create action',
    {
      who: 'active',
      do: (server) => run(server.cell, `update instance_actions set action = 'x' where instance_uuid = :id::uuid`, { id: server.id }),
    },
  ],
  [
    'incomplete-server',
    'a buried server without the event of its action',
    {
      who: 'buried',
      do: ({ id }) =>
        run('cell0', 'delete from instance_actions_events using instance_actions a where action_id = a.id and instance_uuid = :id::uuid', {
          id,
        }),
    },
  ],
  [
    'incomplete-server',
    'a server in ERROR without a fault',
    { who: 'active', do: (server) => inCell(server.cell, `vm_state = 'error'`, server) },
  ],
  [
    'incomplete-server',
    'an active server without a host',
    {
      who: 'active',
      async do(server) {
        await unclaim(run, server.id);
        await inCell(server.cell, 'host = null', server);
      },
    },
  ],
  [
    'image-not-noted',
    'a server with another image than the scheduler knows',
    { who: 'active', do: (server) => inCell(server.cell, `image_ref = '${server.id}'`, server) },
  ],
  [
    'host-of-another-cell',
    'a server on a host of another cell',
    {
      who: 'active',
      async do(server) {
        const host = `${server.other}-host1`;
        await unclaim(run, server.id);
        await claimOn(run, server.id, host);
        await inCell(server.cell, `host = '${host}'`, server);
      },
    },
  ],
  [
    'build-request-of-deleted',
    'a deleted server that still waits',
    {
      who: 'active',
      async do(server) {
        await deleteWell(server);
        await requestBuild(run, server.id, server.project);
      },
    },
  ],
  [
    'row-of-deleted',
    'a deleted server whose row lives',
    {
      who: 'active',
      async do(server) {
        await deleteWell(server);
        await inCell(server.cell, 'deleted = 0', server);
        await run(server.cell, 'update instance_extra set deleted = 0 where instance_uuid = :id::uuid', { id: server.id });
      },
    },
  ],
  [
    'row-of-deleted',
    'a deleted server with a row in another cell',
    {
      who: 'buried',
      async do(server) {
        await deleteWell(server);
        await writeRow(run, 'cell1', server);
      },
    },
  ],
  [
    'stuck',
    'a build without an end',
    { who: 'active', do: (server) => inCell(server.cell, `vm_state = 'building', task_state = 'spawning'`, server) },
  ],
  [
    'stuck',
    'a server that waits without an end',
    {
      who: 'active',
      async do(server) {
        await unclaim(run, server.id);
        await wipeRow(server);
        await inApi('update instance_mappings set cell_id = null where instance_uuid = :id::uuid', server);
        await requestBuild(run, server.id, server.project);
      },
    },
  ],
  ['allocation-without-server', 'a claim alone', { who: 'nobody', do: ({ id }) => claimOn(run, id, 'cell1-host1') }],
  [
    'allocation-of-deleted',
    'a claim of a deleted server',
    {
      who: 'active',
      async do(server) {
        await deleteWell(server);
        await claimOn(run, server.id, server.host);
      },
    },
  ],
  [
    'allocation-without-host',
    'a claim of a server without a host',
    {
      who: 'active',
      async do(server) {
        await inCell(server.cell, `host = null, vm_state = 'error'`, server);
        await run(server.cell, `insert into instance_faults (instance_uuid, code, message) values (:id::uuid, 500, 'x')`, {
          id: server.id,
        });
      },
    },
  ],
  ['task-without-note', 'a task that nobody noted', { who: 'active', do: (server) => inCell(server.cell, taskSince(-60), server) }],
  ['quota-of-soft-deleted', 'a living server that does not count', { who: 'active', do: holdNothing }],
  [
    'quota-of-soft-deleted',
    'a soft-deleted server that counts',
    {
      who: 'active',
      async do(server) {
        await inCell(server.cell, softDeleted, server);
        await inApi(
          'insert into pending_cleanups (instance_uuid, cell_id) select instance_uuid, cell_id from instance_mappings where instance_uuid = :id::uuid',
          server,
        );
      },
    },
  ],
  [
    'soft-deleted-without-note',
    'a soft-deleted server that nothing is noted of',
    {
      who: 'active',
      async do(server) {
        await holdNothing(server);
        await inCell(server.cell, softDeleted, server);
      },
    },
  ],
  ['image-without-task', 'an image that a task was to make', { who: 'active', do: (server) => queueImage(server) }],
  ['image-without-task', 'an image of a server that never was', { who: 'nobody', do: (server) => queueImage(server) }],
  ['state-without-task', 'a task state alone', { who: 'active', do: (server) => inCell(server.cell, `task_state = 'pausing'`, server) }],
  ['host-without-allocation', 'a server without a claim', { who: 'active', do: ({ id }) => unclaim(run, id) }],
  [
    'allocation-on-wrong-host',
    'a claim on another host of the cell',
    { who: 'active', do: (server) => inCell(server.cell, `host = '${otherHost(server)}'`, server) },
  ],
  [
    'move-not-settled',
    'a claim of a migration that there is not',
    {
      who: 'active',
      do: ({ id }) =>
        run(
          'api',
          'insert into migration_consumers (migration_uuid, instance_uuid, cores, ram) values (gen_random_uuid(), :id::uuid, 0, 0)',
          { id },
        ),
    },
  ],
  [
    'move-without-allocation',
    'a migration without a claim',
    {
      who: 'active',
      do: ({ id, cell }) => run(cell, 'insert into migrations (uuid, instance_uuid) values (gen_random_uuid(), :id::uuid)', { id }),
    },
  ],
  [
    'inventory-drift',
    'a host that counts too much',
    {
      who: 'active',
      do: (server) =>
        inApi(
          `update inventories set used = used + 1 where resource_class = 'VCPU' and resource_provider_id in (
             select resource_provider_id from allocations where consumer_id = :id::uuid)`,
          server,
        ),
    },
  ],
  [
    'inventory-drift',
    'a claim on what a host does not have',
    {
      who: 'active',
      do: (server) =>
        inApi(
          `insert into allocations (consumer_id, resource_provider_id, resource_class, used)
           select consumer_id, resource_provider_id, 'VGPU', 1 from allocations where consumer_id = :id::uuid limit 1`,
          server,
        ),
    },
  ],
  [
    'host-state-drift',
    'a host that the scheduler believes to be empty',
    {
      who: 'active',
      do: ({ host }) => run('api', 'update host_states set vcpu = vcpu + 1 where host = :host', { host }),
    },
  ],
  [
    'stale-group-member',
    'a deleted server in a server group',
    {
      who: 'active',
      async do(server) {
        await deleteWell(server);
        await inApi(
          `with g as (
             insert into instance_groups (uuid, user_id, project_id, name) select gen_random_uuid(), user_id, project_id, 'damage'
             from instance_mappings where instance_uuid = :id::uuid returning id)
           insert into instance_group_member (group_id, instance_uuid) select id, :id::uuid from g`,
          server,
        );
      },
    },
  ],
  ['quota-drift', 'a project that counts too little', { who: 'active', do: (server) => giveQuotaBack(server) }],
  [
    'quota-drift',
    'a project without a row of its use',
    { who: 'buried', do: ({ project }) => run('api', 'delete from quota_usages where project_id = :project', { project }) },
  ],
  [
    'quota-drift',
    'a project that counts servers it does not have',
    { who: 'nobody', do: ({ project }) => run('api', 'insert into quota_usages (project_id, ram) values (:project, 1)', { project }) },
  ],
  [
    'mapping-without-request-spec',
    'a server whose request spec is gone, of no known size',
    { who: 'active', do: (server) => inApi('delete from request_specs where instance_uuid = :id::uuid', server) },
  ],
  [
    'deleted-but-not-released',
    'a delete that stopped half-way, and nothing is noted',
    { who: 'active', do: (server) => inCell(server.cell, `deleted = id, vm_state = 'deleted'`, server) },
  ],
  ['cell0-with-host', 'a buried server on a host', { who: 'buried', do: (server) => inCell('cell0', `host = 'cell1-host1'`, server) }],
  ['cell0-with-allocation', 'a buried server with an allocation', { who: 'buried', do: ({ id }) => claimOn(run, id, 'cell1-host1') }],
  [
    'cell0-without-fault',
    'a buried server without a reason',
    { who: 'buried', do: ({ id }) => run('cell0', 'delete from instance_faults where instance_uuid = :id::uuid', { id }) },
  ],
  [
    'cell0-not-in-error',
    'a buried server that is active',
    { who: 'buried', do: (server) => inCell('cell0', `vm_state = 'active'`, server) },
  ],
];

async function wipeRow({ id, cell }: Victim): Promise<void> {
  await purgeInstances(parseDatabaseUrl(audited().service.databases.get(cell) ?? ''), [{ uuid: id, fencing_token: 1 }]);
}

async function deleteWell({ id }: Victim): Promise<void> {
  const admin = await audited().newUser('admin');
  expect((await admin.send('DELETE', `/servers/${id}`)).status).toBe(204);
}

test('a cloud at rest is clean', async () => {
  for (const who of ['active', 'buried'] as const) await someone(who);
  const report = await settled();
  expect(report).toMatchObject({ servers: 2, findings: [], pending: [], unreadable: [], cells: ['cell0', 'cell1', 'cell2'] });
  expect(isClean(report)).toBe(true);
});

test.each(damages)('%s: %s', async (kind, _how, { who, do: damage }) => {
  await someone('active');
  const server = await someone(who);
  await damage(server);
  const { findings, pending, unreadable } = await settled();
  expect(findings.map((found) => found.kind)).toEqual([kind]);
  expect(findings[0]?.property).toBe(kinds[kind].property);
  const { server: named, project, host } = findings[0]?.ids ?? {};
  expect([server.id, server.project, server.host]).toContain(named ?? project ?? host);
  expect({ pending, unreadable }).toEqual({ pending: [], unreadable: [] });
});

test('task-overdue: a task that is noted, and was to end hours ago', async () => {
  const server = await someone('active');
  await inApi(
    'insert into pending_cleanups (instance_uuid, cell_id) select instance_uuid, cell_id from instance_mappings where instance_uuid = :id::uuid',
    server,
  );
  await inCell(server.cell, taskSince(36_000), server);
  expect(await audit(audited().service.api)).toMatchObject({
    findings: [{ kind: 'task-overdue', property: 'A task ends', ids: { server: server.id } }],
    pending: [{ cell: server.cell, servers: 1 }],
  });
});

test('overbooked: a host that has less than is claimed of it', async () => {
  const server = await someone('active');
  const total = (amount: number) =>
    run(
      'api',
      `update inventories i set total = :amount::int from resource_providers p
       where p.id = i.resource_provider_id and p.name = :host and resource_class = 'MEMORY_MB'`,
      { host: server.host, amount },
    );
  await total(256);
  expect((await settled()).findings).toMatchObject([
    {
      kind: 'overbooked',
      property: 'Capacity is real',
      ids: { host: server.host, resource: 'MEMORY_MB' },
      sentence: expect.stringContaining('256'),
    },
  ]);
  await total(65_536);
});

test('cell0-missing: a cloud without cell0', async () => {
  const uuid = (value: string, was: string) => run('api', `update cell_mappings set uuid = '${value}' where uuid = '${was}'`);
  const [zero, other] = ['00000000-0000-0000-0000-000000000000', '00000000-0000-4000-8000-00000000000f'];
  await uuid(other, zero);
  expect((await settled()).findings).toMatchObject([{ kind: 'cell0-missing' }]);
  await uuid(zero, other);
});

test('every kind of finding is tried', () => {
  const tried = new Set<string>([...damages.map(([kind]) => kind), 'overbooked', 'task-overdue', 'cell0-missing']);
  expect(Object.keys(kinds).filter((kind) => !tried.has(kind))).toEqual([]);
});
