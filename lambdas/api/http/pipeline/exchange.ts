/** What the middlewares learn about one request, each its part, in their order. It travels on the event. */
import { randomUUID } from 'node:crypto';
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Caller } from '../../../../common/caller.ts';
import type { Microversion } from '../../compute/microversions.ts';
import type { Location } from '../routing/location.ts';
import type { FoundRoute } from '../routing/route-table.ts';
import type { HttpError } from './http-error.ts';

/** The state of a request between arrival and answer. */
export interface Exchange {
  /** `req-<uuid>`; known from the start, so that every answer and log line has it. */
  readonly requestId: string;
  baseUrl: string;
  location: Location | undefined;
  /** Set once negotiated; a request that may not choose has none. */
  microversion: Microversion | undefined;
  found: FoundRoute | HttpError | undefined;
  caller: Caller | undefined;
  body: unknown;
}

/** An event of the HTTP API with what we know of it. */
export type ApiEvent = APIGatewayProxyEventV2 & { exchange: Exchange };

/** A middleware of the API functions. */
export type Middleware = MiddlewareObj<ApiEvent, APIGatewayProxyStructuredResultV2, Error>;

/** Begins the exchange of an event. */
export function openExchange(): Exchange {
  return {
    requestId: `req-${randomUUID()}`,
    baseUrl: '',
    location: undefined,
    microversion: undefined,
    found: undefined,
    caller: undefined,
    body: undefined,
  };
}
