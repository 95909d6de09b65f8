/** What a quota set holds at each microversion, and the body that changes one. */

import * as z from 'zod';
import { type QuotaLimits, type QuotaName, quotaDefaults } from '../../../../compute/quotas/quotas.ts';
import type { ChangeName, Microversion } from '../microversions.ts';
import { booleanValue, integerFrom, largestInteger } from '../shared/parameters.ts';

const networks: readonly string[] = ['fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules'] satisfies QuotaName[];
const files: readonly string[] = ['injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes'] satisfies QuotaName[];

/** Returns the names that are shown: networks left with a microversion that depends on the resource, files left with 2.57. */
export function shownQuotas(microversion: Microversion, withoutNetworks: ChangeName = 'noNetworkProxies'): QuotaName[] {
  const names = Object.keys(quotaDefaults) as QuotaName[];
  return names.filter((name) => {
    if (networks.includes(name)) return !microversion.has(withoutNetworks);
    return !files.includes(name) || !microversion.has('noPersonality');
  });
}

/** A limit; -1 is none. */
const hardLimit = integerFrom(-1, largestInteger);

/** A change of a quota set. */
export interface QuotaChange {
  limits: Partial<QuotaLimits>;
  force: boolean;
}

/** The schema of the body that changes a quota set. */
export function quotaBody(microversion: Microversion): z.ZodType<QuotaChange> {
  const limits = Object.fromEntries(shownQuotas(microversion).map((name) => [name, hardLimit.optional()]));
  return z
    .strictObject({ quota_set: z.strictObject({ force: booleanValue.default(false), ...limits }) })
    .transform(({ quota_set: { force, ...limits } }) => ({ force: force === true, limits: limits as Partial<QuotaLimits> }));
}
