/** Interfaces of a server: there are no networks, so it has none and gets none. */
import * as z from 'zod';
import { BadRequest, NotFound } from '../../../../common/errors.ts';
import { checkState } from '../../../../compute/servers/check-state.ts';
import type { Route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { address, tag, uuid, when } from '../shared/parameters.ts';
import { refusingServerRoute } from './refusing-server-route.ts';

function attachBody(microversion: Microversion) {
  const interfaceAttachment = z.strictObject({
    net_id: uuid.optional(),
    port_id: uuid.optional(),
    fixed_ips: z
      .array(z.strictObject({ ip_address: address }))
      .min(1)
      .max(1)
      .optional(),
    tag: when(microversion.has('attachmentTags'), 'tag', tag),
  });
  return z.strictObject({ interfaceAttachment: interfaceAttachment.optional() });
}

/** The states in which Nova attaches and detaches them. */
const states = ['active', 'paused', 'stopped'] as const;

const noPort = (id: string) => new NotFound(`Port id ${id} could not be found.`);

/** The routes that would change the interfaces of a server. */
export const interfaceRoutes: readonly Route[] = [
  refusingServerRoute<z.infer<ReturnType<typeof attachBody>>>(
    {
      ...{ method: 'POST', path: '/servers/{id}/os-interface', policy: 'os_compute_api:os-attach-interfaces:create', refusal: 400 },
      body: attachBody,
    },
    ({ instance }, { caller, body }) => {
      const { net_id, port_id, fixed_ips } = body.interfaceAttachment ?? {};
      if (net_id && port_id) throw new BadRequest('Must not input both network_id and port_id');
      if (fixed_ips && !net_id) throw new BadRequest('Must input network_id when request IP address');
      checkState(caller, instance, 'attach_interface', states);
      if (port_id) return noPort(port_id);
      if (net_id) return new NotFound(`Network ${net_id} could not be found.`);
      return new BadRequest(`No specific network was requested and none are available for project '${instance.project_id}'.`);
    },
  ),
  refusingServerRoute(
    {
      ...({ method: 'DELETE', path: '/servers/{id}/os-interface/{item}' } as const),
      ...({ policy: 'os_compute_api:os-attach-interfaces:delete', refusal: 404 } as const),
    },
    ({ instance }, { caller, params }) => {
      checkState(caller, instance, 'detach_interface', states);
      return noPort(params.item ?? '');
    },
  ),
];
