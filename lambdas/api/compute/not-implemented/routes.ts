/** What Nova has and this service has not: it says so with 501, for a client takes 404 for a thing that is gone. */
import { gone, notImplemented } from '../../http/pipeline/http-error.ts';
import { actionRoute } from '../../http/routing/action-route.ts';
import { refusingRoute } from '../../http/routing/refusing-route.ts';
import type { Route } from '../../http/routing/route.ts';
import { removed, unbuilt, unbuiltActions } from './paths.ts';

/** The routes of what is not here; those below a server are with the servers. */
export const notImplementedRoutes: readonly Route[] = [
  ...unbuilt.flatMap(({ routes, ...range }) =>
    routes.map(([method, path, policy]) =>
      refusingRoute({ method, path, policy, toOthers: 'shared', refusal: 501, ...range }, notImplemented),
    ),
  ),
  ...unbuiltActions.map(([path, actions]) => {
    const routes = actions.map(
      ([name, policy]) =>
        [name, refusingRoute({ method: 'POST', path, policy, toOthers: 'shared', refusal: 501 }, notImplemented)] as const,
    );
    return actionRoute(path, 'shared', new Map(routes));
  }),
  ...removed.flatMap(([path, methods]) =>
    methods.map((method) => refusingRoute({ method, path, policy: '@', toOthers: 'shared', refusal: 410 }, gone)),
  ),
];
