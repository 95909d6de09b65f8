/** What the service whose API this is has, and this one has not: it says so with 501, for a client takes 404 for a thing that is gone. */
import { notImplemented } from '../pipeline/http-error.ts';
import { type Method, type Route, route } from './route.ts';

/** A path with its methods that are not built, for every caller. */
export type UnbuiltPath = readonly [path: `/${string}`, methods: readonly Method[]];

/** Returns the routes of paths that are not built. */
export function unbuiltRoutes(paths: readonly UnbuiltPath[]): Route[] {
  return paths.flatMap(([path, methods]) =>
    methods.map((method) =>
      route({ method, path, policy: '@', toOthers: 'shared', refusal: 501, handle: () => Promise.reject(notImplemented()) }),
    ),
  );
}
