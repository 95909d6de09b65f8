/** Picks routes as API Gateway does: a full match first, then the greedy route with the longest fixed part, then `$default`. */
import { type ApiFunction, gatewayRoutes } from '../../../lambdas/api/gateway-routes.ts';

/** A route of the table. */
export interface GatewayRoute {
  /** As API Gateway names it in events. */
  routeKey: string;
  name: ApiFunction;
}

const greedy = '/{proxy+}';

const routes = Object.entries(gatewayRoutes).map(([path, name]) => ({ path, name }));
const exactRoutes = routes.filter(({ path }) => path.startsWith('/') && !path.endsWith(greedy));
const greedyRoutes = routes
  .filter(({ path }) => path.endsWith(greedy))
  .map((route) => ({ ...route, prefix: route.path.slice(0, 1 - greedy.length) }))
  .sort((one, other) => other.prefix.length - one.prefix.length);

/** Returns the route of a path. A greedy route also takes the bare prefix with a slash at its end. */
export function findRoute(path: string): GatewayRoute {
  const found = exactRoutes.find((route) => route.path === path) ?? greedyRoutes.find(({ prefix }) => path.startsWith(prefix));
  return found ? { routeKey: `ANY ${found.path}`, name: found.name } : { routeKey: '$default', name: gatewayRoutes.$default ?? 'compute' };
}
