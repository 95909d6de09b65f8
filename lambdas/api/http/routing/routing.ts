/** Finds out where a request goes. A wrong path or method is only noted here: it is answered after the token check. */
import { BadRequest } from '../../../../common/errors.ts';
import { oldest } from '../../compute/microversions.ts';
import type { Middleware } from '../pipeline/exchange.ts';
import { HttpError } from '../pipeline/http-error.ts';
import { baseUrl } from './base-url.ts';
import type { Locate } from './location.ts';
import type { RouteTable } from './route-table.ts';

/** Sets the client's URL of this API and the location of the request. */
export function locating(locate: Locate): Middleware {
  return {
    before({ event }) {
      event.exchange.location = locate(event.rawPath.replace(/(?<=.)\/+$/, ''));
      event.exchange.baseUrl = baseUrl(event);
    },
  };
}

/** Looks the route up; comes after the microversion is known. */
export function lookup(table: RouteTable): Middleware {
  return {
    before({ event }) {
      const { exchange, requestContext } = event;
      exchange.found = table(requestContext.http.method, exchange.location?.path, exchange.microversion ?? oldest);
    },
  };
}

/** Refuses what has no route, and a project in the path that is not the token's. */
export const requireRoute: Middleware = {
  before({ event }) {
    const { caller, found, location } = event.exchange;
    if (location?.projectId && caller && location.projectId !== caller.projectId) {
      throw new BadRequest(
        `Malformed request URL: URL's project_id '${location.projectId}' doesn't match Context's project_id '${caller.projectId}'`,
      );
    }
    if (found instanceof HttpError) throw found;
  },
};
