/**
 * Routes of what is not here. What the service whose API this is has and this one has not is 501, for a client takes 404 for a thing that is gone; what that
 * service itself has taken away is 410.
 */
import { notImplemented } from '../pipeline/http-error.ts';
import { type ApiRequest, type Method, type Route, type RouteDefinition, route } from './route.ts';

/** Makes a route that refuses all whom its policy lets pass. */
export function refusingRoute<Body extends object | undefined>(
  definition: Omit<RouteDefinition<Body, undefined>, 'handle'>,
  answer: (request: ApiRequest<Body>) => Error,
): Route {
  return route<Body>({ ...definition, handle: (request) => Promise.reject(answer(request)) });
}

/** A path with its methods that are not built, for every caller. */
export type UnbuiltPath = readonly [path: `/${string}`, methods: readonly Method[]];

/** Returns the routes of paths that are not built. */
export function unbuiltRoutes(paths: readonly UnbuiltPath[]): Route[] {
  return paths.flatMap(([path, methods]) =>
    methods.map((method) => refusingRoute({ method, path, policy: '@', toOthers: 'shared', refusal: 501 }, notImplemented)),
  );
}
