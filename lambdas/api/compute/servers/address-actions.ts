/** Actions on the security groups and addresses of a server: there are no networks, so it has none and gets none. */
import * as z from 'zod';
import { BadRequest, NotFound } from '../../../../common/errors.ts';
import { checkLock } from '../../../../compute/servers/check-state.ts';
import { refusingRoute } from '../../http/routing/refusing-route.ts';
import type { Route } from '../../http/routing/route.ts';
import { address, text } from '../shared/parameters.ts';
import { refusingServerRoute } from './refusing-server-route.ts';

const common = { method: 'POST', path: '/servers/{id}/action' } as const;
const untilNoAddresses = { ...common, until: 'noAddressActions' } as const;

/** Everybody has a group `default`, which no port of the server is in; others there are none. */
function securityGroup(action: 'addSecurityGroup' | 'removeSecurityGroup', what: 'add' | 'remove'): Route {
  const body = z.object({ [action]: z.strictObject({ name: text(Number.POSITIVE_INFINITY, 1) }) });
  return refusingServerRoute<z.infer<typeof body>>(
    { ...common, policy: `os_compute_api:os-security-groups:${what}`, refusal: 404, body: () => body },
    ({ mapping }, request) => {
      const name = request.body[action]?.name ?? '';
      if (name.trim() === '') return new BadRequest('Security group name cannot be empty');
      if (name !== 'default') return new NotFound(`Security group ${name} is not found for project ${request.caller.projectId}`);
      return new NotFound(`instance_id ${mapping.uuid} could not be found as device id on any ports`);
    },
  );
}

const addFixedIp = z.strictObject({ addFixedIp: z.strictObject({ networkId: z.union([text(36, 1), z.number()]).transform(String) }) });
const removeFixedIp = z.strictObject({ removeFixedIp: z.strictObject({ address }) });
const addFloatingIp = z.strictObject({ addFloatingIp: z.strictObject({ address, fixed_address: address.optional() }) });
const removeFloatingIp = z.strictObject({ removeFloatingIp: z.strictObject({ address }) });

/** By their names. Nova hands a fixed address to the host and forgets it; here it is refused at once, with what Nova has to say of it. */
export const addressActions: Readonly<Record<string, Route>> = {
  addSecurityGroup: securityGroup('addSecurityGroup', 'add'),
  removeSecurityGroup: securityGroup('removeSecurityGroup', 'remove'),
  addFixedIp: refusingServerRoute<z.infer<typeof addFixedIp>>(
    { ...untilNoAddresses, policy: 'os_compute_api:os-multinic:add', refusal: 400, body: () => addFixedIp },
    ({ instance }, { caller, body }) => {
      checkLock(caller, instance.uuid, instance.locked);
      return new BadRequest(`No fixed IP addresses available for network: ${body.addFixedIp.networkId}`);
    },
  ),
  removeFixedIp: refusingServerRoute<z.infer<typeof removeFixedIp>>(
    { ...untilNoAddresses, policy: 'os_compute_api:os-multinic:remove', refusal: 400, body: () => removeFixedIp },
    ({ instance }, { caller, body }) => {
      checkLock(caller, instance.uuid, instance.locked);
      return new BadRequest(`Instance ${instance.uuid} does not have fixed IP '${body.removeFixedIp.address}'.`);
    },
  ),
  addFloatingIp: refusingServerRoute<z.infer<typeof addFloatingIp>>(
    { ...untilNoAddresses, policy: 'os_compute_api:os-floating-ips:add', refusal: 400, body: () => addFloatingIp },
    () => new BadRequest('Instance network is not ready yet'),
  ),
  // Nova looks for the address first, and there is none.
  removeFloatingIp: refusingRoute<z.infer<typeof removeFloatingIp>>(
    {
      ...untilNoAddresses,
      policy: 'os_compute_api:os-floating-ips:remove',
      toOthers: 'shared',
      refusal: 404,
      body: () => removeFloatingIp,
    },
    ({ body }) => new NotFound(`Floating IP not found for address ${body.removeFloatingIp.address}.`),
  ),
};
