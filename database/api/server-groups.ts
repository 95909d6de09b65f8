/**
 * Server groups: servers of a project that shall stand together on one host, or apart. A server joins its group in the statement that accepts it and
 * leaves it in the statement that ends it, so the members are always the living ones.
 */
import { type Database, query, queryDocuments } from '../data-api/client.ts';

/** How the members of a group stand to each other. The soft ones are wishes. */
export type GroupPolicy = 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';

/** The rules of a policy: of anti-affinity, how many members a host may hold (1 without it). */
export interface GroupRules {
  max_server_per_host?: number;
}

/** A server group. */
export interface ServerGroup {
  uuid: string;
  name: string;
  project_id: string;
  user_id: string;
  policy: GroupPolicy;
  rules: GroupRules;
  /** uuids of its servers, in the order in which they joined. */
  members: string[];
}

const documents = `
  select g.id, g.uuid, g.project_id, jsonb_build_object(
    'uuid', g.uuid, 'name', g.name, 'project_id', g.project_id, 'user_id', g.user_id, 'policy', p.policy, 'rules', p.rules,
    'members', (
      select coalesce(jsonb_agg(instance_uuid order by member.id), '[]')
      from instance_group_member member join instance_mappings using (instance_uuid)
      where member.group_id = g.id and not queued_for_delete)) as doc
  from instance_groups g join instance_group_policy p on p.group_id = g.id`;

/**
 * Adds a group without members, unless its project has as many groups as it may. Sent twice, it adds one and answers the same.
 * @param fallback the limit where the project has none of its own; -1 is unlimited.
 * @returns false when there were too many.
 */
export async function createServerGroup(api: Database, group: Omit<ServerGroup, 'members'>, fallback: number): Promise<boolean> {
  const rows = await query(
    api,
    `with used as (select count_server_groups(:project_id) as count),
     quota as (select count, quota_limit(:project_id, 'server_groups', :fallback::int) as hard_limit from used),
     sent_before as (select id from instance_groups where uuid = :uuid::uuid),
     made as (
       insert into instance_groups (uuid, user_id, project_id, name)
       select :uuid::uuid, :user_id, :project_id, :name from quota
       where (hard_limit < 0 or count < hard_limit) and not exists (select from sent_before)
       returning id),
     ruled as (insert into instance_group_policy (group_id, policy, rules) select id, :policy, :rules::jsonb from made)
     select id from made union all select id from sent_before`,
    { ...group, fallback },
  );
  return rows.length > 0;
}

/** Returns groups in the order in which they were made, those of a project or (null) of all. */
export async function listServerGroups(
  api: Database,
  projectId: string | null,
  { offset, limit }: { offset: number; limit: number },
): Promise<ServerGroup[]> {
  const found = new Map<string, ServerGroup>();
  for (let more = true; more; ) {
    const page = await queryDocuments<ServerGroup>(
      api,
      `select uuid as key, doc, id from (${documents}) g where :project_id::text is null or project_id = :project_id
       order by id offset :offset::int limit :limit::int`,
      { project_id: projectId, offset: offset + found.size, limit: limit - found.size },
      { order: 'id' },
    );
    for (const [uuid, group] of page.documents) found.set(uuid, group);
    more = page.truncated;
  }
  return [...found.values()];
}

/** Returns a group of any project. */
export async function findServerGroup(api: Database, uuid: string): Promise<ServerGroup | undefined> {
  const { documents: found } = await queryDocuments<ServerGroup>(
    api,
    `select uuid as key, doc from (${documents}) g where uuid = :uuid::uuid`,
    { uuid },
  );
  return [...found.values()][0];
}

/** Removes a group; its servers live on without it. */
export async function deleteServerGroup(api: Database, uuid: string): Promise<void> {
  await query(
    api,
    `with target as (select id from instance_groups where uuid = :uuid::uuid),
     members_held as (
       select id from instance_group_member where group_id in (select id from target) order by id for update)
     delete from instance_groups where id in (select id from target) and (select count(*) from members_held) >= 0`,
    { uuid },
  );
}

/**
 * CTEs for acceptance: the group that a request names by `:group` (null when it names none), if it is the project's or `:any_group` will do, and how many more members it may
 * have (`:group_members` where the project has no limit of its own): `group_capacity`, without a row when there is no such group any more.
 * @param usage the CTE that locks the project's row of quota_usages; the group is locked after it, as by everyone who takes both.
 */
export const joiningGroup = (usage: string) => `
  -- The group that the request names, under lock, and how many members it has.
  joining as (
    select g.id as group_id, count_group_members(g.id) as count
    from ${usage} cross join instance_groups g where g.uuid = :group::uuid and (:any_group or g.project_id = :project_id)),
  -- How many it may have.
  group_quota as (
    select group_id, count, quota_limit(:project_id, 'server_group_members', :group_members::int) as hard_limit from joining),
  -- How many more.
  group_capacity as (
    select group_id, (case when hard_limit < 0 then 2147483647 else hard_limit - count end)::int as more
    from group_quota where count is not null)`;

/** Returns SQL that is true when this number of servers (an SQL expression) may join the group of `joiningGroup`, or the request names none. */
export function mayJoin(servers: string): string {
  return `(:group::uuid is null or coalesce((select more from group_capacity) >= ${servers}, false))`;
}

/** A CTE that makes servers members of the group of `joiningGroup`: those of a CTE `(uuid, launch_index)`, in the order of their launch. */
export const joinGroup = (servers: string) => `
  -- They are members of their group.
  joined as (
    insert into instance_group_member (group_id, instance_uuid)
    select group_id, uuid from ${servers} cross join group_capacity order by launch_index)`;

/**
 * CTEs that take servers out of their groups. Members are locked after hosts and before groups, in the order of their ids; so this, a claim and the
 * removal of a group never wait for each other in a circle.
 * @param servers a CTE `(instance_uuid)`.
 * @param hosts the CTE that locks what they held on hosts.
 */
export const leaveGroups = (servers: string, hosts: string) => `
  -- Their memberships, under lock.
  members_held as (
    select member.id from instance_group_member member join ${servers} using (instance_uuid)
    where (select count(*) from ${hosts}) >= 0 order by member.id for update of member),
  -- They are members no more.
  left_groups as (delete from instance_group_member where id in (select id from members_held))`;
