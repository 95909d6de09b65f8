/** Every answer names the request, so that a client's report leads to our log. */
import type { Middleware } from './exchange.ts';

/** Sends the request id as `x-openstack-request-id` and, as Nova does, under the service's own name. */
export function requestId(service: string): Middleware {
  const send: Middleware['after'] = ({ event, response }) => {
    if (!response) return;
    const id = event.exchange.requestId;
    response.headers = { ...response.headers, 'x-openstack-request-id': id, [`x-${service}-request-id`]: id };
  };
  return { after: send, onError: send };
}
