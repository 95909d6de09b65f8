import { availabilityZoneRoutes } from './compute/availability-zones.ts';
import { flavorRoutes } from './compute/flavors.ts';
import { instanceActionRoutes } from './compute/instance-actions.ts';
import { keypairRoutes } from './compute/keypairs.ts';
import { limitRoutes } from './compute/limits.ts';
import { locateCompute } from './compute/paths.ts';
import { quotaSetRoutes } from './compute/quota-sets.ts';
import { serverGroupRoutes } from './compute/server-groups.ts';
import { serverRoutes } from './compute/servers.ts';
import { versionRoutes } from './compute/versions.ts';
import { createApi } from './http/create-api.ts';
import { novaFault } from './http/fault-bodies.ts';
import type { Route } from './http/route.ts';

/** All routes of the Compute API. */
export const routes: readonly Route[] = [
  ...versionRoutes,
  ...serverRoutes,
  ...flavorRoutes,
  ...keypairRoutes,
  ...serverGroupRoutes,
  ...instanceActionRoutes,
  ...availabilityZoneRoutes,
  ...limitRoutes,
  ...quotaSetRoutes,
];

/** The Compute API, behind API Gateway. */
export const handler = createApi({ name: 'compute', locate: locateCompute, routes, faultBody: novaFault });
