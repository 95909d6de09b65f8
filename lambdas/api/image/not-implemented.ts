/** What Glance has and this service has not: images are made by operators and by actions of servers, and are records without bits. */
import { type UnbuiltPath, unbuiltRoutes } from '../http/routing/refusing-route.ts';

const paths: readonly UnbuiltPath[] = [
  ['/v2/images', ['POST']],
  ['/v2/images/{id}', ['PATCH']],
  ['/v2/images/{id}/actions/deactivate', ['POST']],
  ['/v2/images/{id}/actions/reactivate', ['POST']],
  ['/v2/images/{id}/file', ['GET', 'PUT']],
  ['/v2/images/{id}/import', ['POST']],
  ['/v2/images/{id}/locations', ['GET', 'POST']],
  ['/v2/images/{id}/members', ['GET', 'POST']],
  ['/v2/images/{id}/members/{item}', ['GET', 'PUT', 'DELETE']],
  ['/v2/images/{id}/stage', ['PUT']],
  ['/v2/images/{id}/tags/{item}', ['PUT', 'DELETE']],
  ['/v2/info/import', ['GET']],
  ['/v2/info/stores', ['GET']],
  ['/v2/info/usage', ['GET']],
  ['/v2/metadefs/namespaces', ['GET', 'POST']],
  ['/v2/schemas/image', ['GET']],
  ['/v2/schemas/images', ['GET']],
  ['/v2/schemas/member', ['GET']],
  ['/v2/schemas/members', ['GET']],
  ['/v2/tasks', ['GET', 'POST']],
  ['/v2/tasks/{id}', ['GET', 'DELETE']],
];

/** Routes that answer 501. */
export const notImplementedRoutes = unbuiltRoutes(paths);
