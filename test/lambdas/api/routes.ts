/** The routes of all services, with the root below which each service stands: what the tests walk that must not forget one. */
import { routes as computeRoutes } from '../../../lambdas/api/compute.ts';
import type { Route } from '../../../lambdas/api/http/routing/route.ts';
import { routes as identityRoutes } from '../../../lambdas/api/identity.ts';
import { routes as imageRoutes } from '../../../lambdas/api/image.ts';

/** A service of the API. */
export interface RoutedService {
  name: 'compute' | 'identity' | 'image';
  root: string;
  routes: readonly Route[];
}

export const routedServices: readonly RoutedService[] = [
  { name: 'compute', root: '/v2.1', routes: computeRoutes },
  { name: 'identity', root: '/identity', routes: identityRoutes },
  { name: 'image', root: '/image', routes: imageRoutes },
];

/** A route that answers by itself: where a path has actions, one of them. */
export interface AnsweringRoute extends Route {
  /** Its name. */
  action?: string;
}

/** Returns the routes of a service, with the actions in the place of their paths. */
export function routesOf({ routes }: Pick<RoutedService, 'routes'>): AnsweringRoute[] {
  return routes.flatMap((route) => (route.actions ? [...route.actions].map(([action, each]) => ({ ...each, action })) : [route]));
}

/** Method and path of a route, and its action: how tests name it. */
export function keyOf({ method, path, action }: Pick<AnsweringRoute, 'method' | 'path' | 'action'>): string {
  return `${method} ${path}${action === undefined ? '' : ` ${action}`}`;
}
