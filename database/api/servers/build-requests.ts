/**
 * Build requests: servers that are accepted but have no cell yet. Removing one is the single point where delete and build meet: the statement that removes it
 * decides what becomes of the server, in the same statement.
 */
import { type Database, query, queryDocuments } from '../../data-api/client.ts';
import { type BlockDeviceMapping, type InitialColumn, initialValues } from '../../servers/columns.ts';
import type { Instance } from '../../servers/document.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import { notePending } from '../cells/pending-cleanups.ts';
import type { QuotaResource } from '../quotas.ts';
import { joinGroup, joiningGroup, mayJoin } from '../server-groups.ts';
import { releaseAllocations, releaseQuota } from './release.ts';

/** What the scheduler must know of a server; kept until the server is archived, because quota is given back by it. */
export interface RequestSpec {
  flavor: Instance['flavor'];
  image: { id: string; properties: Record<string, string> } | null;
  /** The availability zone the client asked for. */
  availability_zone: string | null;
  scheduler_hints: Record<string, string[]>;
  /** The one host an admin forces (`az:host:node`): filters and availability zone do not count, capacity and server group do. A host has one node of its name. */
  forced_host?: NamedHost;
  /** The one host an admin asks for; everything counts. */
  requested_host?: NamedHost;
  /** uuid of the server group. */
  group?: string;
}

/** A host by its name, by its node's name, or by both. */
export interface NamedHost {
  host: string | null;
  node: string | null;
}

/** A request for servers, ready to be accepted: what they share, and the names they get if there are several. */
export interface Acceptance {
  reservationId: string;
  requestId: string;
  /** What the servers share; Nova keeps their disks and tags in columns of their own. */
  template: Omit<Instance, InitialColumn | 'uuid' | 'launch_index' | 'created_at' | 'block_device_mappings' | 'tags'>;
  blockDeviceMappings: Omit<BlockDeviceMapping, 'uuid'>[];
  tags: string[];
  spec: RequestSpec;
  /** One for each server at most wanted, in order; the names count only when more than one is accepted. */
  servers: { uuid: string; display_name: string; hostname: string }[];
  minCount: number;
  defaultLimits: Readonly<Record<QuotaResource, number>>;
  /** How many members a group may have where the project has no limit of its own. */
  defaultGroupMembers: number;
  /** Whether the group may be another project's. */
  anyGroup: boolean;
}

/** What acceptance found: how many servers it took (0: not even the least fits), and the quota it measured them by. */
export interface Accepted {
  count: number;
  limits: Record<QuotaResource, number>;
  used: Record<QuotaResource, number>;
  /** How many more members the group may have; null when the request names none, or one that is gone. */
  groupCapacity: number | null;
}

/**
 * Takes as many servers as the quota allows, at least `minCount`: quota use, request spec, build request and mapping of each, or nothing at all.
 * The project's row of quota_usages must exist. Sent twice, it accepts once and answers the same count.
 */
export async function acceptServers(api: Database, acceptance: Acceptance): Promise<Accepted> {
  const { template, spec, servers, defaultLimits } = acceptance;
  const [row] = await query<Accepted>(
    api,
    `with
     -- The servers at most wanted, in order, with the names they get when there are several.
     asked as (
       select value as names, (value->>'uuid')::uuid as uuid, position
       from jsonb_array_elements(:servers::jsonb) with ordinality as list (value, position)),
     -- How many of them an earlier sending of this statement accepted.
     sent_before as (select count(*)::int as count from instance_mappings where instance_uuid in (select uuid from asked)),
     -- What the project uses. Who accepts holds this lock, so that the boots of a project are measured one after another.
     usage as (select * from quota_usages where project_id = :project_id for update),
     -- The quota of the project by resource.
     limits as (
       select key as resource, quota_limit(:project_id, key, value::int) as value
       from usage cross join jsonb_each_text(:default_limits::jsonb)),
     -- How many servers each resource still allows, and so all of them; -1 is unlimited.
     within_quota as (
       select min(case when value < 0 or each = 0 then 2147483647 else (value - used) / each end)::int as count
       from (
         select value,
           case resource when 'instances' then 1 when 'cores' then :vcpus::int else :memory_mb::int end as each,
           case resource when 'instances' then instances when 'cores' then cores else ram end as used
         from limits cross join usage) each_limit),
     -- How many servers that makes; no row when it is less than the least the client takes.
     wanted as (select least(within_quota.count, (select count(*) from asked))::int as count from within_quota where within_quota.count >= :min_count),
     ${joiningGroup('usage')},
     -- How many are taken, or were when the statement was sent before.
     decision as (
       select case when sent_before.count > 0 then sent_before.count
         when ${mayJoin('wanted.count')} then coalesce(wanted.count, 0)
         else 0 end as count,
         sent_before.count = 0 as first_time
       from sent_before left join wanted on true),
     -- The servers that are taken now, each whole.
     accepted as (
       select uuid, position - 1 as launch_index,
         :template::jsonb || case when count > 1 then names else '{}' end
           || jsonb_build_object('uuid', uuid, 'launch_index', position - 1, 'created_at', now()) as instance
       from asked cross join decision where first_time and position <= count),
     -- They count against the quota from here on.
     moved as (
       update quota_usages q
       set instances = q.instances + n, cores = q.cores + n * :vcpus::bigint, ram = q.ram + n * :memory_mb::bigint, updated_at = now()
       from (select count(*)::int as n from accepted) accepted_count
       where q.project_id = :project_id),
     -- What they ask for, for the scheduler and for the release of their quota.
     specs as (insert into request_specs (instance_uuid, spec) select uuid, :spec::jsonb from accepted),
     -- The servers themselves until they have a cell. Their owner is the execution named after the reservation.
     requests as (
       insert into build_requests (instance_uuid, project_id, reservation_id, request_id, execution, instance, block_device_mappings, tags)
       select uuid, :project_id, :reservation_id, :request_id, :reservation_id, instance,
         (select coalesce(jsonb_agg(value || jsonb_build_object('uuid', gen_random_uuid())), '[]')
          -- The mention of the server makes this run for each of them: the uuid of a disk is its own.
          from jsonb_array_elements(:block_device_mappings::jsonb) where accepted.uuid is not null),
         :tags::jsonb
       from accepted),
     -- The index knows them, without a cell.
     mappings as (
       insert into instance_mappings (instance_uuid, project_id, user_id)
       select uuid, :project_id, :user_id from accepted order by launch_index),
     ${joinGroup('accepted')}
     select count, (select more from group_capacity) as "groupCapacity", (select jsonb_object_agg(resource, value) from limits) as limits,
       (select jsonb_build_object('instances', instances, 'cores', cores, 'ram', ram) from usage) as used
     from decision`,
    {
      servers,
      project_id: template.project_id,
      user_id: template.user_id,
      reservation_id: acceptance.reservationId,
      request_id: acceptance.requestId,
      vcpus: template.vcpus,
      memory_mb: template.memory_mb,
      min_count: acceptance.minCount,
      default_limits: defaultLimits,
      group: spec.group ?? null,
      any_group: acceptance.anyGroup,
      group_members: acceptance.defaultGroupMembers,
      template,
      spec,
      block_device_mappings: acceptance.blockDeviceMappings,
      tags: acceptance.tags,
    },
  );
  if (!row?.used) throw new Error(`project ${template.project_id} has no row in quota_usages`);
  return row;
}

const initial = Object.entries(initialValues).map(([column, value]) => `'${column}', ${typeof value === 'string' ? `'${value}'` : value}`);

/** Returns SQL of the document of a build request in the shape of an Instance. A column that came after it was accepted has its initial value. */
export function buildRequestDocument(request: string): string {
  return `jsonb_build_object(${initial.join(', ')}) || ${request}.instance
    || jsonb_build_object('block_device_mappings', ${request}.block_device_mappings, 'tags', ${request}.tags)`;
}

/** A server on its way into a cell, as the api database sees it. */
export interface BuildRequest {
  /** The server as it was accepted; null when the build request is gone, or is another execution's. */
  instance: Instance | null;
  requestId: string | null;
  spec: RequestSpec;
  /** uuid of the cell it is mapped to already. */
  mappedTo: string | null;
  /** URL of the database of the cell it shall go to; null when no such cell is registered. */
  connection: string | null;
  /** That of the execution that asks; null when it does not own the server. */
  fencingToken: number | null;
}

/**
 * Sets the target cell of servers that an execution owns, and returns what it may know of them, by uuid. Servers that are being deleted are left out.
 * A server that had another target cell gets the next fencing token, and that cell a pending cleanup: it may hold the server already.
 */
export async function setTargetCell(
  api: Database,
  execution: string,
  servers: readonly string[],
  cell: string,
): Promise<Map<string, BuildRequest>> {
  const found = new Map<string, BuildRequest>();
  for (let wanted = servers; wanted.length > 0; ) {
    const { documents, truncated } = await queryDocuments<BuildRequest>(
      api,
      `select m.instance_uuid as key, jsonb_build_object(
         'instance', case when b.id is not null then ${buildRequestDocument('b')} end,
         'requestId', b.request_id,
         'spec', s.spec,
         'mappedTo', c.uuid,
         'connection', (select database_connection from cell),
         'fencingToken', coalesce(b.fencing_token, case when m.execution = :execution then m.fencing_token end)) as doc
       from asked
       join instance_mappings m on m.instance_uuid = asked.uuid and not m.queued_for_delete
       join request_specs s on s.instance_uuid = asked.uuid
       left join targeted b on b.instance_uuid = asked.uuid
       left join cell_mappings c on c.id = m.cell_id`,
      { servers: wanted, cell, execution },
      {
        ctes: `
       -- The cell they go to; without a row nothing is written and no one has a connection.
       cell as (select id, database_connection from cell_mappings where uuid = :cell::uuid),
       -- The servers asked for.
       asked as (select jsonb_array_elements_text(:servers::jsonb)::uuid as uuid),
       -- Those this execution owns, as they are under the lock, where another owner or target cell since the statement began counts.
       owned as (
         select b.id, b.instance_uuid, b.cell_id, b.fencing_token from build_requests b join asked on asked.uuid = b.instance_uuid
         where b.execution = :execution order by b.id for update of b),
       -- Their target cell. The owner that changes it may write there alone, so the token grows.
       targeted as (
         update build_requests b
         set cell_id = cell.id, updated_at = now(), fencing_token = owned.fencing_token + case when owned.cell_id <> cell.id then 1 else 0 end
         from owned, cell where b.id = owned.id
         returning b.*),
       -- The cell they turned from may hold them already.
       left_behind as (${notePending(`
         select instance_uuid, owned.cell_id, fencing_token from owned cross join cell where owned.cell_id <> cell.id`)})`,
      },
    );
    for (const [uuid, request] of documents) found.set(uuid, request);
    wanted = truncated ? wanted.filter((uuid) => !documents.has(uuid)) : [];
  }
  return found;
}

/**
 * Commits servers to their cell: removes the build request and points the mapping, for each server whose build request is still this execution's, with
 * this token and this target cell. They must be whole in the cell before, written with that token. Sent twice, it answers the same.
 * @param allocations what becomes of their allocations: cell0 has no hosts, so a burial releases them in the same statement.
 * @returns the uuids that this execution brought into this cell; the others were deleted, or have another owner.
 */
export async function commitToCell(
  api: Database,
  execution: string,
  servers: readonly FencedServer[],
  cell: string,
  allocations: 'keep' | 'release',
): Promise<Set<string>> {
  const rows = await query<{ uuid: string }>(
    api,
    `with
     -- The cell that shall have them.
     cell as (select id from cell_mappings where uuid = :cell::uuid),
     -- The servers, with the token each was written with.
     asked as (select * from jsonb_to_recordset(:servers::jsonb) as list (uuid uuid, fencing_token int)),
     -- Those whose build request is still as their writer knew it. Who removes it decides over the server.
     won as (
       delete from build_requests b using asked, cell
       where b.instance_uuid = asked.uuid and b.execution = :execution and b.fencing_token = asked.fencing_token and b.cell_id = cell.id
       returning b.instance_uuid, b.cell_id, b.fencing_token),
     -- The index points to the cell, and names the owner who wrote there.
     moved as (
       update instance_mappings m set cell_id = won.cell_id, execution = :execution, fencing_token = won.fencing_token, updated_at = now()
       from won where m.instance_uuid = won.instance_uuid and m.cell_id is null
       returning m.instance_uuid)
     ${
       allocations === 'keep'
         ? `,
     -- The reaper looks after it until its build has ended.
     to_be_built as (${notePending('select instance_uuid, cell_id, fencing_token from won')})`
         : `, ${releaseAllocations('select instance_uuid from won')}`
     }
     select instance_uuid as uuid from moved
     union
     select m.instance_uuid from instance_mappings m join asked on asked.uuid = m.instance_uuid join cell on cell.id = m.cell_id
     where m.execution = :execution and m.fencing_token = asked.fencing_token and not m.queued_for_delete`,
    { servers, cell, execution },
  );
  return new Set(rows.map(({ uuid }) => uuid));
}

/**
 * Releases the target cell of a server: its allocations are released, what the cell may hold of it gets a pending cleanup, and
 * the fencing token grows, so that nothing written before can be committed any more.
 * @returns false when the server is not this execution's any more: deleted, or in its cell after all.
 */
export async function releaseTargetCell(api: Database, execution: string, server: string): Promise<boolean> {
  const rows = await query(
    api,
    `with
     -- The server, if this execution still owns it.
     owned as (
       select instance_uuid, cell_id, fencing_token from build_requests where instance_uuid = :server::uuid and execution = :execution for update),
     -- It goes to no cell now, and what was written before can be committed no more.
     turned as (
       update build_requests b set cell_id = null, fencing_token = owned.fencing_token + 1, updated_at = now()
       from owned where b.instance_uuid = owned.instance_uuid and owned.cell_id is not null),
     -- The cell may hold it.
     left_behind as (${notePending('select instance_uuid, cell_id, fencing_token from owned where cell_id is not null')}),
     ${releaseAllocations('select instance_uuid from owned')}
     select instance_uuid from owned`,
    { server, execution },
  );
  return rows.length > 0;
}

/**
 * Ends a server that has no cell: removes its build request, marks its mapping deleted and releases its quota and its allocations.
 * @returns false when the build request was gone already, because a cell has the server or someone deleted it.
 */
export async function removeBuildRequest(api: Database, server: string): Promise<boolean> {
  const rows = await query(
    api,
    `with
     -- Who removes it decides over the server.
     gone as (delete from build_requests where instance_uuid = :server::uuid returning instance_uuid, cell_id, fencing_token),
     -- A cell that it was on its way into may hold it.
     left_behind as (${notePending('select instance_uuid, cell_id, fencing_token from gone where cell_id is not null')}),
     ${releaseQuota('select instance_uuid from gone')}
     select instance_uuid from gone`,
    { server },
  );
  return rows.length > 0;
}
