/** One line for each request, by the request id that the client sees: no header, query or body, so no token and no password. */
import { callsSoFar, identify, log } from '../../../shared/observation/invocation.ts';
import type { Middleware } from './exchange.ts';

const tellAnswer: NonNullable<Middleware['after']> = ({ event, response }) => {
  const { caller } = event.exchange;
  const { http, requestId } = event.requestContext;
  log().info('answered', {
    method: http.method,
    path: event.rawPath,
    status: response?.statusCode,
    project_id: caller?.projectId,
    user_id: caller?.userId,
    data_api_calls: callsSoFar(),
    gateway_request_id: requestId,
  });
};

/** Adds the request id to every line, and logs the answer; stands first, so that it is the last to see the answer. */
export const accessLog: Middleware = {
  before: ({ event }) => identify({ request_id: event.exchange.requestId }),
  after: tellAnswer,
  onError: tellAnswer,
};
