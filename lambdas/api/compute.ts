import { availabilityZoneRoutes } from './compute/availability-zones/routes.ts';
import { flavorRoutes } from './compute/flavors/routes.ts';
import { instanceActionRoutes } from './compute/instance-actions/routes.ts';
import { keypairRoutes } from './compute/keypairs/routes.ts';
import { limitRoutes } from './compute/limits/routes.ts';
import { migrationRoutes } from './compute/migrations/routes.ts';
import { notImplementedRoutes } from './compute/not-implemented/routes.ts';
import { locateCompute } from './compute/paths.ts';
import { quotaSetRoutes } from './compute/quota-sets/routes.ts';
import { serverGroupRoutes } from './compute/server-groups/routes.ts';
import { serverRoutes } from './compute/servers/routes.ts';
import { versionRoutes } from './compute/versions/routes.ts';
import { createApi } from './http/pipeline/create-api.ts';
import { novaFault } from './http/pipeline/fault-bodies.ts';
import type { Route } from './http/routing/route.ts';

/** All routes of the Compute API. */
export const routes: readonly Route[] = [
  ...versionRoutes,
  ...serverRoutes,
  ...flavorRoutes,
  ...keypairRoutes,
  ...serverGroupRoutes,
  ...instanceActionRoutes,
  ...migrationRoutes,
  ...availabilityZoneRoutes,
  ...limitRoutes,
  ...quotaSetRoutes,
  ...notImplementedRoutes,
];

/** The Compute API, behind API Gateway. */
export const handler = createApi({ name: 'compute', locate: locateCompute, routes, faultBody: novaFault });
