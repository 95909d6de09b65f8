/** The image service: as much of Glance v2 as clients need to boot a server from an image. */
import { createApi } from './http/create-api.ts';
import { glanceFault } from './http/fault-bodies.ts';
import { below } from './http/location.ts';
import type { Route } from './http/route.ts';
import { imageRoutes } from './image/images.ts';
import { versionRoutes } from './image/versions.ts';

/** All routes of the image service. */
export const routes: readonly Route[] = [...versionRoutes, ...imageRoutes];

export const handler = createApi({ name: 'image', locate: below('/image'), routes, faultBody: glanceFault });
