/** The image service: as much of Glance v2 as clients need to boot a server from an image. */
import { createApi } from './http/create-api.ts';
import { glanceFault } from './http/fault-bodies.ts';
import { below } from './http/location.ts';
import { imageRoutes } from './image/images.ts';
import { versionRoutes } from './image/versions.ts';

export const handler = createApi({
  name: 'image',
  locate: below('/image'),
  routes: [...versionRoutes, ...imageRoutes],
  faultBody: glanceFault,
});
