/**
 * The edge of every API function. A request passes the middlewares in the order they stand here; whatever throws, the fault mapping makes the
 * answer, then the version and request id headers are added on the way out, and the request is logged.
 */
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { type InvocationContext, observed } from '../../../shared/observation/invocation.ts';
import { oldest } from '../../compute/microversions.ts';
import type { Locate } from '../routing/location.ts';
import type { Answer, Route } from '../routing/route.ts';
import { routeTable } from '../routing/route-table.ts';
import { locating, lookup, requireRoute } from '../routing/routing.ts';
import { tokenCheck } from '../tokens/token-check.ts';
import { parseQuery } from '../validation/query.ts';
import { accessLog } from './access-log.ts';
import { bodyParser } from './body.ts';
import { type ApiEvent, openExchange } from './exchange.ts';
import type { FaultBody } from './fault-bodies.ts';
import { faults } from './faults.ts';
import { HttpError } from './http-error.ts';
import { microversions } from './microversions.ts';
import { requestId } from './request-id.ts';

/** A service of the API: what differs between compute, identity and image. */
export interface Service {
  /** As in `x-<name>-request-id`. */
  name: string;
  locate: Locate;
  routes: readonly Route[];
  faultBody: FaultBody;
}

/** A Lambda function behind the HTTP API; the context is optional, so that it may be called on any machine. */
export type ApiHandler = (event: APIGatewayProxyEventV2, context?: InvocationContext) => Promise<APIGatewayProxyStructuredResultV2>;

/** The innermost step: hands the request to its route and turns the answer into the gateway's form. */
async function answer({ exchange, headers, rawQueryString }: ApiEvent): Promise<APIGatewayProxyStructuredResultV2> {
  const { baseUrl, body, caller, found, microversion = oldest, requestId } = exchange;
  if (!found || found instanceof HttpError) throw new Error('a request without a route passed the middlewares');
  const query = parseQuery(rawQueryString);
  return result(await found.route.answer({ params: found.params, query, body, caller, microversion, requestId, baseUrl, headers }));
}

function result({ status, body, headers = {} }: Answer): APIGatewayProxyStructuredResultV2 {
  if (!body) return { statusCode: status, headers };
  return { statusCode: status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/**
 * Makes the Lambda handler of a service.
 * @throws Error when two routes contradict each other.
 */
export function createApi(service: Service): ApiHandler {
  const pipeline = middy<ApiEvent, APIGatewayProxyStructuredResultV2, Error, Context>()
    .use([
      accessLog,
      requestId(service.name),
      locating(service.locate),
      microversions,
      lookup(routeTable(service.routes)),
      tokenCheck,
      requireRoute,
      bodyParser,
      faults(service.faultBody),
    ])
    .handler(answer);
  return (event, context) =>
    observed(service.name, context, () => pipeline({ ...event, exchange: openExchange() }, (context ?? {}) as Context));
}
