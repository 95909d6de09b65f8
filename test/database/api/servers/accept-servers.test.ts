/** Acceptance: as many servers as quota and group allow, at the edge of each limit, whole or not at all. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acceptServers } from '../../../../database/api/servers/accept-servers.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../../local/bench/scheduler-fixture.ts';
import { newGroup, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { type AcceptanceOptions, accept, newAcceptance } from '../../../fixtures/acceptance.ts';
import { contentsOf } from '../../../fixtures/contents.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
  await query(fixture.api, `insert into quota_usages (project_id) values ('project')`);
});
afterAll(() => fixture?.stop());

/** A project that uses something already. */
async function newProject(instances: number, cores: number, ram: number): Promise<string> {
  const project = randomUUID();
  await query(fixture.api, 'insert into quota_usages (project_id, instances, cores, ram) values (:project, :instances, :cores, :ram)', {
    ...{ project, instances, cores, ram },
  });
  return project;
}

const limit = (project: string, resource: string, hardLimit: number) =>
  query(fixture.api, 'insert into quotas (project_id, resource, hard_limit) values (:project, :resource, :hardLimit::int)', {
    ...{ project, resource, hardLimit },
  });

const countOf = async (options: AcceptanceOptions) => (await accept(fixture.api, options)).accepted.count;
const useOf = (project: string) => sql(fixture, `select instances, cores, ram from quota_usages where project_id = '${project}'`);

test.each<[string, [number, number, number], number]>([
  ['instances', [8, 0, 0], 2],
  ['instances', [9, 0, 0], 1],
  ['instances', [10, 0, 0], 0],
  ['instances', [11, 0, 0], 0],
  ['cores', [0, 14, 0], 3],
  ['cores', [0, 15, 0], 2],
  ['cores', [0, 18, 0], 1],
  ['cores', [0, 19, 0], 0],
  ['ram', [0, 0, 50_176], 2],
  ['ram', [0, 0, 50_177], 1],
  ['ram', [0, 0, 50_688], 1],
  ['ram', [0, 0, 50_689], 0],
])('%s: of use %j, %i servers more', async (_, use, count) => {
  const projectId = await newProject(...use);
  expect(await countOf({ projectId, count: 3, flavor: { vcpus: 2 } })).toBe(count);
  const [instances, cores, ram] = use;
  expect(await useOf(projectId)).toEqual([{ instances: instances + count, cores: cores + 2 * count, ram: ram + 512 * count }]);
});

test('fewer than the least wanted are none, and nothing is written', async () => {
  const projectId = await newProject(8, 0, 0);
  const before = await contentsOf(fixture.api);
  const { accepted } = await accept(fixture.api, { projectId, count: 4, minCount: 3 });
  expect(accepted).toEqual({
    count: 0,
    limits: { instances: 10, cores: 20, ram: 51_200 },
    used: { instances: 8, cores: 0, ram: 0 },
    groupCapacity: null,
  });
  expect(await contentsOf(fixture.api)).toEqual({ ...before, quota_usages: expect.anything() });
  expect(await useOf(projectId)).toEqual([{ instances: 8, cores: 0, ram: 0 }]);
  expect(await countOf({ projectId, count: 4, minCount: 2 })).toBe(2);
});

test("a project's own limit counts before the default, and -1 is none", async () => {
  const projectId = await newProject(10, 20, 51_200);
  await limit(projectId, 'instances', 12);
  await limit(projectId, 'cores', -1);
  await limit(projectId, 'ram', -1);
  const { accepted } = await accept(fixture.api, { projectId, count: 5 });
  expect(accepted).toMatchObject({ count: 2, limits: { instances: 12, cores: -1, ram: -1 } });
  await limit(await newProject(0, 0, 0), 'instances', 0);
  expect(await countOf({ count: 5 })).toBe(5);
});

test('a limit of 0 is one', async () => {
  const projectId = await newProject(0, 0, 0);
  await limit(projectId, 'cores', 0);
  expect(await countOf({ projectId })).toBe(0);
});

test('what a server has none of is not limited', async () => {
  const projectId = await newProject(0, 25, 60_000);
  expect(await countOf({ projectId, flavor: { vcpus: 0, memory_mb: 0 } })).toBe(1);
});

test('everything of each server is there: spec, build request and mapping', async () => {
  const device = {
    ...{ source_type: 'image', destination_type: 'local', boot_index: 0, device_name: null, delete_on_termination: true, image_id: null },
    ...{
      snapshot_id: null,
      volume_id: null,
      volume_size: null,
      volume_type: null,
      guest_format: null,
      device_type: null,
      disk_bus: null,
      tag: null,
    },
  };
  const { uuids, reservationId, requestId, template, spec } = await accept(fixture.api, { count: 2, blockDeviceMappings: [device] });
  const rows = await sql<{ instance: { created_at: string }; block_device_mappings: { uuid: string }[]; [column: string]: unknown }>(
    fixture,
    `select b.*, s.spec, m.user_id, m.project_id as owner, m.cell_id as mapped_to, m.queued_for_delete from build_requests b
     join request_specs s using (instance_uuid) join instance_mappings m using (instance_uuid)
     where b.project_id = '${template.project_id}' order by m.id`,
  );
  expect(rows).toEqual(
    uuids.map((uuid, index) =>
      expect.objectContaining({
        ...{ instance_uuid: uuid, project_id: template.project_id, owner: template.project_id, user_id: 'user', cell_id: null },
        ...{ reservation_id: reservationId, execution: reservationId, request_id: requestId, fencing_token: 1, tags: ['web'], spec },
        ...{ mapped_to: null, queued_for_delete: false, block_device_mappings: [{ ...device, uuid: expect.any(String) }] },
        instance: {
          ...template,
          ...{ uuid, launch_index: index, display_name: `server-${index + 1}`, hostname: `server-${index + 1}` },
          created_at: expect.any(String),
        },
      }),
    ),
  );
  expect(new Set(rows.flatMap(({ block_device_mappings: [disk] }) => disk?.uuid)).size).toBe(2);
});

test('a server that is alone keeps the name that was asked for', async () => {
  const projectId = await newProject(9, 0, 0);
  await accept(fixture.api, { projectId, count: 2 });
  expect(
    await sql(
      fixture,
      `select instance->'display_name' as name, instance->'launch_index' as index from build_requests where project_id = '${projectId}'`,
    ),
  ).toEqual([{ name: 'server', index: 0 }]);
});

test('sent twice, it accepts once and answers the same', async () => {
  const projectId = await newProject(8, 0, 0);
  const acceptance = newAcceptance({ projectId, count: 3 });
  expect((await acceptServers(fixture.api, acceptance)).count).toBe(2);
  const before = await contentsOf(fixture.api);
  expect((await acceptServers(fixture.api, acceptance)).count).toBe(2);
  expect(await contentsOf(fixture.api)).toEqual({ ...before, quota_usages: expect.anything() });
  expect(await useOf(projectId)).toEqual([{ instances: 10, cores: 2, ram: 1_024 }]);
});

test('a project without its row of use is a fault', async () => {
  await expect(acceptServers(fixture.api, newAcceptance({ projectId: 'nobody' }))).rejects.toThrow(
    'project nobody has no row in quota_usages',
  );
});

test('a project uses what it accepts, and no other does', async () => {
  const other = await newProject(1, 1, 1);
  await limit(other, 'instances', 0);
  expect(await countOf({ count: 2 })).toBe(2);
  expect(await useOf(other)).toEqual([{ instances: 1, cores: 1, ram: 1 }]);
});

/** Servers of a group, which is the project's of that name. */
const membersOf = async (group: string) =>
  (
    await sql<{ uuid: string }>(
      fixture,
      `select instance_uuid as uuid from instance_group_member m join instance_groups g on g.id = m.group_id where g.uuid = '${group}' order by m.id`,
    )
  ).map(({ uuid }) => uuid);
const inGroup = (group: string, options: AcceptanceOptions = {}) =>
  accept(fixture.api, { projectId: 'project', spec: { group }, defaultGroupMembers: 3, ...options });

test('a group takes as many members as it may have, all of a request or none', async () => {
  const group = await newGroup(fixture, 'anti-affinity');
  const first = await inGroup(group, { count: 2 });
  expect(first.accepted).toMatchObject({ count: 2, groupCapacity: 3 });
  expect(await membersOf(group)).toEqual(first.uuids);
  expect((await inGroup(group, { count: 2 })).accepted).toMatchObject({ count: 0, groupCapacity: 1 });
  expect((await inGroup(group, { count: 1 })).accepted).toMatchObject({ count: 1, groupCapacity: 1 });
  expect((await inGroup(group, { count: 1 })).accepted).toMatchObject({ count: 0, groupCapacity: 0 });
  await limit('project', 'server_group_members', -1);
  expect((await inGroup(group, { count: 4 })).accepted).toMatchObject({ count: 4, groupCapacity: 2_147_483_647 });
  await query(fixture.api, `update quotas set hard_limit = 0 where project_id = 'project'`);
  expect((await inGroup(group)).accepted).toMatchObject({ count: 0, groupCapacity: -7 });
  await query(fixture.api, `delete from quotas where project_id = 'project'`);
});

test("a group that is gone, or another project's, takes no server, unless any will do", async () => {
  const group = await newGroup(fixture, 'affinity');
  expect((await inGroup(randomUUID())).accepted).toMatchObject({ count: 0, groupCapacity: null });
  expect((await inGroup(group, { projectId: randomUUID() })).accepted).toMatchObject({ count: 0, groupCapacity: null });
  expect((await accept(fixture.api, { projectId: 'project' })).accepted).toMatchObject({ count: 1, groupCapacity: null });
  expect(await membersOf(group)).toEqual([]);
  const anybodys = await inGroup(group, { projectId: randomUUID(), anyGroup: true });
  expect(await membersOf(group)).toEqual(anybodys.uuids);
});
