/** Quota sets: what projects may use. Users have no limits of their own within a project, and there is one class of projects, the default. */

import type { Caller } from '../../common/caller.ts';
import { BadRequest } from '../../common/errors.ts';
import { authorize, authorizeOwner } from '../../common/policy.ts';
import { type CountedResource, deleteQuotas, findQuotaUse, type QuotaUse, saveQuotas } from '../../database/api/quotas.ts';
import type { Database } from '../../database/data-api/client.ts';
import { defaultLimits } from './instance-quota.ts';

export type { QuotaUse };

/**
 * Everything that Nova limits, with its defaults (nova-facts 7). "Bytes" of injected files are characters, and of the content those of its base64.
 * What belongs to networks is unlimited here and limited by their own service.
 */
export const quotaDefaults = {
  ...defaultLimits,
  metadata_items: 128,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
  injected_files: 5,
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
  fixed_ips: -1,
  floating_ips: -1,
  security_groups: -1,
  security_group_rules: -1,
} as const satisfies Record<string, number>;

/** The name of something limited. */
export type QuotaName = keyof typeof quotaDefaults;

/** Limits by name. */
export type QuotaLimits = Readonly<Record<QuotaName, number>>;

/**
 * Returns limits and use of the caller's project, or of another one.
 * @throws Forbidden for another project's.
 */
export function findLimits(api: Database, caller: Caller, projectId: string | undefined): Promise<QuotaUse<QuotaName>> {
  if (projectId !== undefined) authorize(caller, 'os_compute_api:limits:other_project');
  return findQuotaUse(api, projectId ?? caller.projectId, quotaDefaults);
}

/**
 * Returns limits and use of a project, as quota sets show them.
 * @throws Forbidden for another project's, BadRequest when there is no such project.
 */
export async function findQuotaSet(
  api: Database,
  caller: Caller,
  rule: 'os_compute_api:os-quota-sets:show' | 'os_compute_api:os-quota-sets:detail',
  projectId: string,
): Promise<QuotaUse<QuotaName>> {
  authorizeOwner(caller, rule, { projectId });
  return await quotaSetOf(api, caller, projectId);
}

async function quotaSetOf(api: Database, caller: Caller, projectId: string): Promise<QuotaUse<QuotaName>> {
  const use = await findQuotaUse(api, projectId, quotaDefaults);
  // The token proves that its own project exists.
  if (!use.registered && projectId !== caller.projectId) throw new BadRequest(`Project ID ${projectId} is not a valid project.`);
  return use;
}

/**
 * Changes limits of a project, all that are given or none, and returns them all.
 * @param force allows limits below what is used.
 * @throws BadRequest when there is no such project, or when a limit is below what is used.
 */
export async function changeQuotaSet(
  api: Database,
  caller: Caller,
  projectId: string,
  limits: Partial<QuotaLimits>,
  force: boolean,
): Promise<QuotaLimits> {
  const before = await quotaSetOf(api, caller, projectId);
  const tooLow = await saveQuotas(api, projectId, limits, force);
  const [first] = Object.entries(tooLow) as [CountedResource, number][];
  if (first) {
    const [resource, used] = first;
    throw new BadRequest(
      `Quota limit ${limits[resource]} for ${resource} must be greater than or equal to already used and reserved ${used}.`,
    );
  }
  return { ...before.limits, ...limits };
}

/** Resets the limits of a project to the defaults. */
export async function resetQuotaSet(api: Database, projectId: string): Promise<void> {
  await deleteQuotas(api, projectId);
}
