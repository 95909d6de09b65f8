/** Server groups belong to projects; what their policies mean is the scheduler's part. */
import { randomUUID } from 'node:crypto';
import type { Caller } from '../../common/caller.ts';
import { BadRequest, Forbidden, NotFound } from '../../common/errors.ts';
import { allows, authorizeOwner } from '../../common/policy.ts';
import { isUuid } from '../../common/uuid.ts';
import {
  type GroupPolicy,
  type GroupRules,
  createServerGroup as insertServerGroup,
  deleteServerGroup as removeServerGroup,
  type ServerGroup,
  findServerGroup as selectServerGroup,
  listServerGroups as selectServerGroups,
} from '../../database/api/server-groups.ts';
import type { Database } from '../../database/data-api/client.ts';
import { quotaDefaults } from '../quotas/quotas.ts';

export type { GroupPolicy, GroupRules, ServerGroup };

/**
 * Makes a group in the caller's project.
 * @throws BadRequest for rules that the policy does not have, Forbidden when there are too many groups.
 */
export async function createServerGroup(
  api: Database,
  caller: Caller,
  { name, policy, rules }: Pick<ServerGroup, 'name' | 'policy' | 'rules'>,
): Promise<ServerGroup> {
  if (policy !== 'anti-affinity' && Object.keys(rules).length > 0) throw new BadRequest('Only anti-affinity policy supports rules.');
  const group = { uuid: randomUUID(), name, policy, rules, project_id: caller.projectId, user_id: caller.userId };
  if (!(await insertServerGroup(api, group, quotaDefaults.server_groups))) throw new Forbidden('Quota exceeded, too many server groups.');
  return { ...group, members: [] };
}

/** Lists the groups of the caller's project; those of all projects only for callers who may see them: for others the option is without effect. */
export function listServerGroups(
  api: Database,
  caller: Caller,
  { allProjects, ...page }: { allProjects: boolean; offset: number; limit: number },
): Promise<ServerGroup[]> {
  const all = allProjects && allows(caller, 'os_compute_api:os-server-groups:index:all_projects');
  return selectServerGroups(api, all ? null : caller.projectId, page);
}

/** @throws NotFound, Forbidden for another project's. */
export async function findServerGroup(api: Database, caller: Caller, uuid: string): Promise<ServerGroup> {
  const group = isUuid(uuid) ? await selectServerGroup(api, uuid) : undefined;
  if (!group) throw notFound(uuid);
  authorizeOwner(caller, 'os_compute_api:os-server-groups:show', { projectId: group.project_id });
  return group;
}

/** @throws NotFound, Forbidden for another project's. */
export async function deleteServerGroup(api: Database, caller: Caller, uuid: string): Promise<void> {
  const group = isUuid(uuid) ? await selectServerGroup(api, uuid) : undefined;
  if (!group) throw notFound(uuid);
  authorizeOwner(caller, 'os_compute_api:os-server-groups:delete', { projectId: group.project_id });
  await removeServerGroup(api, uuid);
}

function notFound(uuid: string): NotFound {
  return new NotFound(`Instance group ${uuid} could not be found.`);
}
