/** The action `rebuild`: its body at each microversion, and its answer, which is the server as it shall be. */
import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import type { RebuildRequest } from '../../../../compute/servers/rebuild/rebuild-server.ts';
import { sealOf } from '../../../shared/secrets.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { booleanValue, canonicalIpv6, description, metadata, name, uuid, when } from '../shared/parameters.ts';
import { hostnameSchema, personality, trustedCertificates, userData } from './create-body.ts';
import { perform } from './perform-action.ts';
import { changedServer } from './view.ts';

function rebuildBody(microversion: Microversion) {
  return z.strictObject({
    rebuild: z.strictObject({
      imageRef: uuid,
      name: name.optional(),
      adminPass: z.string().optional(),
      metadata: metadata.optional(),
      preserve_ephemeral: booleanValue.default(false),
      'OS-DCF:diskConfig': z.enum(['AUTO', 'MANUAL']).optional(),
      accessIPv4: z.ipv4().optional(),
      accessIPv6: z.ipv6().transform(canonicalIpv6).optional(),
      personality: when(!microversion.has('noPersonality'), 'personality', personality),
      description: when(microversion.has('serverDescription'), 'description', description(255)),
      key_name: when(microversion.has('rebuildKeypairs'), 'key_name', name.nullable()),
      user_data: when(microversion.has('noPersonality'), 'user_data', userData.nullable()),
      trusted_image_certificates: when(microversion.has('trustedCertificates'), 'trusted_image_certificates', trustedCertificates),
      hostname: when(microversion.has('hostnames'), 'hostname', hostnameSchema(microversion)),
    }),
  });
}

type RebuildBody = z.infer<ReturnType<typeof rebuildBody>>;

function rebuildRequest({ rebuild }: RebuildBody, microversion: Microversion, password: string): RebuildRequest {
  const files = rebuild.personality ?? [];
  const diskConfig = rebuild['OS-DCF:diskConfig'];
  return {
    imageId: rebuild.imageRef,
    seal: sealOf({ admin_password: password, files }),
    name: rebuild.name,
    description: rebuild.description,
    hostname: rebuild.hostname,
    keyName: rebuild.key_name,
    userData: rebuild.user_data,
    metadata: rebuild.metadata,
    trustedCerts: rebuild.trusted_image_certificates,
    autoDiskConfig: diskConfig && diskConfig === 'AUTO',
    accessIPv4: rebuild.accessIPv4,
    accessIPv6: rebuild.accessIPv6,
    files,
    preserveEphemeral: rebuild.preserve_ephemeral,
    reimagesVolumes: microversion.has('volumesReimaged'),
  };
}

async function rebuild(request: ApiRequest<RebuildBody>) {
  const { caller, microversion, baseUrl, body } = request;
  const adminPass = body.rebuild.adminPass ?? randomBytes(9).toString('base64url');
  const asked = rebuildRequest(body, microversion, adminPass);
  const server = await perform(request, async ({ api, driver, settings }, of) => {
    // Few requests need it: not a part of a cold start.
    const { rebuildServer } = await import('../../../../compute/servers/rebuild/rebuild-server.ts');
    return rebuildServer(api, driver, of, asked, settings);
  });
  const { key_name, user_data } = server.instance;
  // What admins see of user data when they look at a server stands here under another name, and for everybody.
  const { 'OS-EXT-SRV-ATTR:user_data': _, ...shown }: Record<string, unknown> = {
    ...changedServer(server, { caller, microversion, baseUrl }),
  };
  return {
    status: 202,
    headers: { Location: `${baseUrl}/v2.1/servers/${server.mapping.uuid}` },
    body: {
      server: {
        ...shown,
        ...(microversion.has('rebuildKeypairs') && { key_name }),
        ...(microversion.has('noPersonality') && { user_data }),
        adminPass,
      },
    },
  };
}

/** The route of the action. */
export const rebuildAction: Route = route({
  ...{ method: 'POST', path: '/servers/{id}/action', policy: 'os_compute_api:servers:rebuild', toOthers: 'hidden' },
  ...{ body: rebuildBody, handle: rebuild },
});
