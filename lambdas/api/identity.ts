/** The identity service: as much of Keystone v3 as clients need to use the Compute API. */
import { createApi } from './http/pipeline/create-api.ts';
import { keystoneFault } from './http/pipeline/fault-bodies.ts';
import { below } from './http/routing/location.ts';
import { projectRoutes } from './identity/projects/routes.ts';
import { tokenRoutes } from './identity/tokens/routes.ts';
import { userRoutes } from './identity/users/routes.ts';
import { versionRoutes } from './identity/versions/routes.ts';

export const handler = createApi({
  name: 'identity',
  locate: below('/identity'),
  routes: [...versionRoutes, ...tokenRoutes, ...projectRoutes, ...userRoutes],
  faultBody: keystoneFault,
});
