/** The limits resource: what a project may use, and uses. */

import type * as z from 'zod';
import { findLimits, type QuotaName, type QuotaUse } from '../../../../compute/quotas/quotas.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import type { ChangeName, Microversion } from '../microversions.ts';
import { anyText, parameters } from '../shared/query-parameters.ts';

function limitsQuery(microversion: Microversion) {
  return parameters(microversion, { tenant_id: anyText });
}

/** Networks left Nova with 2.36, metadata of images with 2.39, files with 2.57. */
function absolute({ limits, used }: QuotaUse<QuotaName>, microversion: Microversion) {
  const until = (change: ChangeName, keys: object) => (microversion.has(change) ? {} : keys);
  return {
    maxTotalInstances: limits.instances,
    maxTotalCores: limits.cores,
    maxTotalRAMSize: limits.ram,
    maxServerMeta: limits.metadata_items,
    maxTotalKeypairs: limits.key_pairs,
    maxServerGroups: limits.server_groups,
    maxServerGroupMembers: limits.server_group_members,
    totalInstancesUsed: used.instances,
    totalCoresUsed: used.cores,
    totalRAMUsed: used.ram,
    totalServerGroupsUsed: used.server_groups,
    ...until('noNetworkProxies', {
      maxSecurityGroups: limits.security_groups,
      maxSecurityGroupRules: limits.security_group_rules,
      maxTotalFloatingIps: limits.floating_ips,
      totalSecurityGroupsUsed: 0,
      totalFloatingIpsUsed: 0,
    }),
    ...until('noImageMetadata', { maxImageMeta: limits.metadata_items }),
    ...until('noPersonality', { maxPersonality: limits.injected_files, maxPersonalitySize: limits.injected_file_content_bytes }),
  };
}

async function show({ caller, microversion, query }: ApiRequest<undefined, z.infer<ReturnType<typeof limitsQuery>>>) {
  const use = await findLimits(apiDatabase(), caller, query.tenant_id?.at(-1));
  return { status: 200, body: { limits: { rate: [], absolute: absolute(use, microversion) } } };
}

/** The route of the limits resource. */
export const limitRoutes: readonly Route[] = [
  route({ method: 'GET', path: '/limits', policy: 'os_compute_api:limits', toOthers: 'own', query: limitsQuery, handle: show }),
];
