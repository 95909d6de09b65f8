/** The limits resource: what a project may use, and uses. */
import type * as z from 'zod';
import { authorize } from '../../../compute/policy.ts';
import { countLimits, defaultLimits, itemLimits } from '../../../compute/quota.ts';
import { findQuotaUse, type QuotaUse } from '../../../database/api/quotas.ts';
import { apiDatabase } from '../../api-database.ts';
import { type ApiRequest, type Route, route } from '../http/route.ts';
import { anyText, parameters } from './query-parameters.ts';

function limitsQuery(microversion: number) {
  return parameters(microversion >= 75, { tenant_id: anyText });
}

/** Networks left Nova with 2.36, metadata of images with 2.39, files with 2.57; Nova has no limits on networks any more, and says -1. */
function absolute({ limits, used }: QuotaUse, microversion: number) {
  const until = (version: number, keys: object) => (microversion < version ? keys : {});
  return {
    maxTotalInstances: limits.instances,
    maxTotalCores: limits.cores,
    maxTotalRAMSize: limits.ram,
    maxServerMeta: itemLimits.metadataItems,
    maxTotalKeypairs: countLimits.keyPairs,
    maxServerGroups: countLimits.serverGroups,
    maxServerGroupMembers: countLimits.serverGroupMembers,
    totalInstancesUsed: used.instances,
    totalCoresUsed: used.cores,
    totalRAMUsed: used.ram,
    totalServerGroupsUsed: 0,
    ...until(36, { maxSecurityGroups: -1, maxSecurityGroupRules: -1, maxTotalFloatingIps: -1 }),
    ...until(36, { totalSecurityGroupsUsed: 0, totalFloatingIpsUsed: 0 }),
    ...until(39, { maxImageMeta: itemLimits.metadataItems }),
    ...until(57, { maxPersonality: itemLimits.files, maxPersonalitySize: itemLimits.fileContent }),
  };
}

async function show({ caller, microversion, query }: ApiRequest<undefined, z.infer<ReturnType<typeof limitsQuery>>>) {
  const project = query.tenant_id?.at(-1);
  if (project !== undefined) authorize(caller, 'os_compute_api:limits:other_project');
  const use = await findQuotaUse(apiDatabase(), project ?? caller.projectId, defaultLimits);
  return { status: 200, body: { limits: { rate: [], absolute: absolute(use, microversion) } } };
}

/** The route of the limits resource. */
export const limitRoutes: readonly Route[] = [
  route({ method: 'GET', path: '/limits', policy: 'os_compute_api:limits', query: limitsQuery, handle: show }),
];
