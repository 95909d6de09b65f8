/**
 * Routes are data: method, path, policy, microversion range and schemas, with one function that answers. What follows from them (405, 404 outside
 * a range, validation, the policy check) happens here and in the table, never in a handler.
 */
import type * as z from 'zod';
import type { Caller } from '../../../../common/caller.ts';
import { authorize, type Rule } from '../../../../common/policy.ts';
import type { ChangeName, Microversion } from '../../compute/microversions.ts';
import type { QueryParameters } from '../validation/query.ts';
import { validateBody, validateQuery } from '../validation/validation.ts';

export type { QueryParameters } from '../validation/query.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A validated request of anybody. */
export interface PublicRequest<Body = undefined, Query = undefined> {
  params: Readonly<Record<string, string>>;
  query: Query;
  body: Body;
  /** The oldest one where a service has none. */
  microversion: Microversion;
  requestId: string;
  /** `scheme://host` as the client knows it, without a trailing slash. */
  baseUrl: string;
  /** By lower-case name. */
  headers: Readonly<Record<string, string | undefined>>;
}

/** A validated request of somebody whose token was checked. */
export interface ApiRequest<Body = undefined, Query = undefined> extends PublicRequest<Body, Query> {
  caller: Caller;
}

/** What a handler answers; the edge adds the headers that all answers have. */
export interface Answer {
  status: number;
  body?: object;
  headers?: Record<string, string>;
}

interface RouteBase<Body> {
  method: Method;
  /** Static segments and `{parameters}`, below the root of the service. */
  path: `/${string}`;
  /** The change that brought the route, and the one that took it away; without them it is in all microversions. */
  from?: ChangeName;
  until?: ChangeName;
  /** The schema of the JSON body at a microversion; a route without it reads no body. */
  body?: (microversion: Microversion) => z.ZodType<Body>;
  /** Whether a body is refused; others that read none pass it over. */
  bodiless?: true;
  /** The status that it answers at best, where it is known and nothing is behind it. */
  refusal?: Refusal;
}

export type Refusal = 400 | 404 | 409 | 410 | 501;

/**
 * What a resource is to those of other projects, or a user's to other users: `hidden`, not found by its id; `forbidden`, as Nova refuses some; `own`, none of
 * theirs, since the route lists and makes what is the caller's; `shared`, since it belongs to nobody.
 */
export type ToOthers = 'hidden' | 'forbidden' | 'own' | 'shared';

/** A route for callers with a token; `policy` names who of them. */
export interface RouteDefinition<Body, Query> extends RouteBase<Body> {
  policy: Rule;
  toOthers: ToOthers;
  /** The schema of the query parameters (`Record<string, string[]>`); a route without it ignores them. */
  query?: (microversion: Microversion) => z.ZodType<Query>;
  handle(request: ApiRequest<Body, Query>): Promise<Answer>;
}

/** A route for everybody, token or not. */
export interface PublicRouteDefinition<Body, Query> extends RouteBase<Body> {
  query?: (microversion: Microversion) => z.ZodType<Query>;
  handle(request: PublicRequest<Body, Query>): Promise<Answer>;
}

/** A request as it reaches a route: matched and parsed, not yet validated. */
export interface IncomingRequest extends PublicRequest<unknown, QueryParameters> {
  caller: Caller | undefined;
}

/** A route as the table holds it, whatever its body and query. */
export interface Route {
  method: Method;
  path: string;
  policy: Rule | 'public';
  toOthers: ToOthers;
  refusal: Refusal | undefined;
  bodiless: boolean;
  /** The routes of the actions that share this path; only a path of actions has them. */
  actions?: ReadonlyMap<string, Route>;
  /** Returns whether a microversion has it. */
  isIn(microversion: Microversion): boolean;
  /** The schemas of what it reads, at a microversion. */
  body: ((microversion: Microversion) => z.ZodType) | undefined;
  query: ((microversion: Microversion) => z.ZodType) | undefined;
  /**
   * Validates, checks the policy (in Nova's order) and answers.
   * @throws BadRequest, Forbidden, and what the handler throws.
   */
  answer(request: IncomingRequest): Promise<Answer>;
}

/** Makes a route of the table that asks for a token. */
export function route<Body = undefined, Query = undefined>(definition: RouteDefinition<Body, Query>): Route {
  const { method, path, policy, toOthers, refusal, bodiless = false } = definition;
  const body = definition.body && onceEach(definition.body);
  const query = definition.query && onceEach(definition.query);
  return {
    isIn: (microversion) => isIn(definition, microversion),
    method,
    path,
    policy,
    toOthers,
    refusal,
    bodiless,
    body,
    query,
    async answer(request) {
      const { caller, microversion } = request;
      if (!caller) throw new Error(`${method} ${path} is called without a caller`);
      const validQuery = query ? validateQuery(query(microversion), request.query) : (undefined as Query);
      const validBody = body ? validateBody(body(microversion), request.body) : (undefined as Body);
      authorize(caller, policy);
      return definition.handle({ ...request, caller, query: validQuery, body: validBody });
    },
  };
}

/** Makes a route of the table that anybody may ask. */
export function publicRoute<Body = undefined, Query = undefined>(definition: PublicRouteDefinition<Body, Query>): Route {
  const { method, path, refusal, bodiless = false } = definition;
  const body = definition.body && onceEach(definition.body);
  const query = definition.query && onceEach(definition.query);
  return {
    isIn: (microversion) => isIn(definition, microversion),
    method,
    path,
    policy: 'public',
    toOthers: 'shared',
    refusal,
    bodiless,
    body,
    query,
    async answer(request) {
      const { microversion } = request;
      const validQuery = query ? validateQuery(query(microversion), request.query) : (undefined as Query);
      const validBody = body ? validateBody(body(microversion), request.body) : (undefined as Body);
      return definition.handle({ ...request, query: validQuery, body: validBody });
    },
  };
}

function isIn({ from, until }: { from?: ChangeName; until?: ChangeName }, microversion: Microversion): boolean {
  return (from === undefined || microversion.has(from)) && (until === undefined || !microversion.has(until));
}

/** A schema takes longer to make than to ask, so each microversion's is made once. */
function onceEach<Schema>(make: (microversion: Microversion) => Schema): (microversion: Microversion) => Schema {
  const made = new Map<Microversion, Schema>();
  return (microversion) => {
    const schema = made.get(microversion) ?? make(microversion);
    made.set(microversion, schema);
    return schema;
  };
}
