/** Actions share one path; the one key of the body says which is meant. Each is a route of its own: policy, microversions, schema, handler. */
import * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import { notFound } from '../pipeline/http-error.ts';
import type { Route, ToOthers } from './route.ts';

/** Any JSON object, as it is: a schema of records would lose a key named __proto__. */
export const actionBody = z.custom<object>((value) => typeof value === 'object' && value !== null);

/**
 * Makes the route of a path's actions, by their names. Which one is meant is known from the body alone, so it answers after the token check:
 * 400 for a name that is no action, 404 for an action outside its microversions.
 */
export function actionRoute(path: `/${string}`, toOthers: ToOthers, actions: ReadonlyMap<string, Route>): Route {
  return {
    method: 'POST',
    path,
    policy: '@',
    toOthers,
    refusal: undefined,
    bodiless: false,
    actions,
    isIn: () => true,
    body: () => actionBody,
    query: undefined,
    async answer(request) {
      const [name, ...others] = Object.keys(actionBody.parse(request.body));
      if (name === undefined || others.length > 0) throw new BadRequest('Malformed request body');
      const action = actions.get(name);
      if (!action) throw new BadRequest(`There is no such action: ${name}`);
      if (!action.isIn(request.microversion)) throw notFound();
      return action.answer(request);
    },
  };
}
