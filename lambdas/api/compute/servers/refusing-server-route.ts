/** Routes of a server for what no server can have or get here: each says what is wrong with the request, in Nova's words, and changes nothing. */
import type { WholeServer } from '../../../../compute/servers/find-server.ts';
import { type ApiRequest, type Refusal, type Route, type RouteDefinition, route, type ToOthers } from '../../http/routing/route.ts';
import { findWholeServer } from './find.ts';

/** Makes a route that refuses all whom its policy lets pass, when the server is there. `refuse` returns the error, or throws another one first. */
export function refusingServerRoute<Body = undefined>(
  definition: Omit<RouteDefinition<Body, undefined>, 'handle' | 'toOthers'> & { refusal: Refusal; toOthers?: ToOthers },
  refuse: (server: WholeServer, request: ApiRequest<Body>) => Error,
): Route {
  return route<Body>({
    toOthers: 'hidden',
    ...definition,
    async handle(request) {
      throw refuse(await findWholeServer(request), request);
    },
  });
}
