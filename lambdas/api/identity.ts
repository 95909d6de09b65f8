/** The identity service: as much of Keystone v3 as clients need to use the Compute API. */
import { createApi } from './http/create-api.ts';
import { keystoneFault } from './http/fault-bodies.ts';
import { below } from './http/location.ts';
import type { Route } from './http/route.ts';
import { projectRoutes } from './identity/projects.ts';
import { tokenRoutes } from './identity/tokens.ts';
import { userRoutes } from './identity/users.ts';
import { versionRoutes } from './identity/versions.ts';

/** All routes of the identity service. */
export const routes: readonly Route[] = [...versionRoutes, ...tokenRoutes, ...projectRoutes, ...userRoutes];

export const handler = createApi({ name: 'identity', locate: below('/identity'), routes, faultBody: keystoneFault });
