/** `PUT /servers/{id}`: what a client changes of a server itself. */
import * as z from 'zod';
import { type InstanceChanges, updateServer } from '../../../../compute/servers/update-server.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type ApiRequest, route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { canonicalIpv6, description, name, when } from '../shared/parameters.ts';
import { hostnameSchema } from './create-body.ts';
import { changedServer } from './view.ts';

function updateBody(microversion: Microversion) {
  return z.strictObject({
    server: z.strictObject({
      name: name.optional(),
      'OS-DCF:diskConfig': z.enum(['AUTO', 'MANUAL']).optional(),
      accessIPv4: z.ipv4().optional(),
      accessIPv6: z.ipv6().transform(canonicalIpv6).optional(),
      description: when(microversion.has('serverDescription'), 'description', description(255)),
      hostname: when(microversion.has('hostnames'), 'hostname', hostnameSchema(microversion)),
    }),
  });
}

type UpdateBody = z.infer<ReturnType<typeof updateBody>>;

/** What is undefined is left as it is. */
function changesOf({ server }: UpdateBody): InstanceChanges {
  const diskConfig = server['OS-DCF:diskConfig'];
  return {
    display_name: server.name,
    display_description: server.description,
    hostname: server.hostname,
    access_ip_v4: server.accessIPv4,
    access_ip_v6: server.accessIPv6,
    auto_disk_config: diskConfig && diskConfig === 'AUTO',
  };
}

async function update({ caller, params, microversion, baseUrl, body }: ApiRequest<UpdateBody>) {
  const server = await updateServer(apiDatabase(), caller, params.id ?? '', changesOf(body));
  return { status: 200, body: { server: changedServer(server, { caller, microversion, baseUrl }) } };
}

/** The route of a server's change. */
export const updateServerRoute = route({
  ...{ method: 'PUT', path: '/servers/{id}', policy: 'os_compute_api:servers:update', toOthers: 'hidden', body: updateBody },
  handle: update,
});
