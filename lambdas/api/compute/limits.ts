/** The limits resource: what the caller's project may use, and uses. */
import { defaultLimits, itemLimits } from '../../../compute/quota.ts';
import { findQuotaUse } from '../../../database/api/quotas.ts';
import { apiDatabase } from '../../api-database.ts';
import { type Route, route } from '../http/route.ts';

/** The route of the limits resource. */
export const limitRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/limits',
    policy: 'os_compute_api:limits',
    async handle({ caller }) {
      const { limits, used } = await findQuotaUse(apiDatabase(), caller.projectId, defaultLimits);
      const absolute = {
        maxTotalInstances: limits.instances,
        maxTotalCores: limits.cores,
        maxTotalRAMSize: limits.ram,
        maxServerMeta: itemLimits.metadataItems,
        totalInstancesUsed: used.instances,
        totalCoresUsed: used.cores,
        totalRAMUsed: used.ram,
      };
      return { status: 200, body: { limits: { rate: [], absolute } } };
    },
  }),
];
