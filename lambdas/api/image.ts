/** The image service: as much of Glance v2 as clients need to boot a server from an image. */
import { createApi } from './http/pipeline/create-api.ts';
import { glanceFault } from './http/pipeline/fault-bodies.ts';
import { below } from './http/routing/location.ts';
import type { Route } from './http/routing/route.ts';
import { imageRoutes } from './image/images/routes.ts';
import { notImplementedRoutes } from './image/not-implemented.ts';
import { versionRoutes } from './image/versions/routes.ts';

/** All routes of the image service. */
export const routes: readonly Route[] = [...versionRoutes, ...imageRoutes, ...notImplementedRoutes];

export const handler = createApi({ name: 'image', locate: below('/image'), routes, faultBody: glanceFault });
