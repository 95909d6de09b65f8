/** Acceptance: from this one statement on the servers of a request exist, as build requests, and count against the quota. */
import { type Database, query } from '../../data-api/client.ts';
import type { BlockDeviceMapping, InitialColumn } from '../../servers/columns.ts';
import type { Instance } from '../../servers/document.ts';
import type { QuotaResource } from '../quotas.ts';
import { joinGroup, joiningGroup, mayJoin } from '../server-groups.ts';
import type { RequestSpec } from './request-spec.ts';

/** A request for servers, ready to be accepted: what they share, and the names they get if there are several. */
export interface Acceptance {
  reservationId: string;
  requestId: string;
  /** What the servers share; Nova keeps their disks and tags in columns of their own. */
  template: Omit<Instance, InitialColumn | 'uuid' | 'launch_index' | 'created_at' | 'block_device_mappings' | 'tags'> &
    Partial<Pick<Instance, 'root_device_name' | 'kernel_id' | 'ramdisk_id'>>;
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
     -- What they ask for, for the scheduler.
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
     -- The index knows them, without a cell, and what each holds of the quota.
     mappings as (
       insert into instance_mappings (instance_uuid, project_id, user_id, cores, ram)
       select uuid, :project_id, :user_id, :vcpus::int, :memory_mb::int from accepted order by launch_index),
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
