/** The identity service: as much of Keystone v3 as clients need to use the Compute API. */
import { createApi } from './http/pipeline/create-api.ts';
import { keystoneFault } from './http/pipeline/fault-bodies.ts';
import { below } from './http/routing/location.ts';
import type { Route } from './http/routing/route.ts';
import { notImplementedRoutes } from './identity/not-implemented.ts';
import { projectRoutes } from './identity/projects/routes.ts';
import { tokenRoutes } from './identity/tokens/routes.ts';
import { userRoutes } from './identity/users/routes.ts';
import { versionRoutes } from './identity/versions/routes.ts';

/** All routes of the identity service. */
export const routes: readonly Route[] = [...versionRoutes, ...tokenRoutes, ...projectRoutes, ...userRoutes, ...notImplementedRoutes];

export const handler = createApi({ name: 'identity', locate: below('/identity'), routes, faultBody: keystoneFault });
