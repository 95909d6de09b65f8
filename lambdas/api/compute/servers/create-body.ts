/** The body of `POST /servers` at each microversion, and what it asks of the control plane. */

import * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import type { BootRequest, RequestedNetwork } from '../../../../compute/servers/create-servers.ts';
import type { Microversion } from '../microversions.ts';
import {
  address,
  base64,
  booleanValue,
  canonicalIpv6,
  description,
  flavorRef,
  hostName,
  integerFrom,
  metadata,
  name,
  tag,
  text,
  uuid,
  when,
} from '../shared/parameters.ts';
import { blockDevice, blockDeviceSchema } from './block-devices.ts';
import { hintLists, schedulerHints } from './scheduler-hints.ts';

/** Networks and ports. Their uuid is checked here from 2.37 on, after the schema before; tags came with 2.32, were lost from 2.37 to 2.41. */
function networksSchema(microversion: Microversion) {
  const network = z.strictObject({
    uuid: (microversion.has('networksRequired') ? uuid : z.string()).optional(),
    port: uuid.nullish(),
    fixed_ip: address.optional(),
    tag: when((microversion.has('deviceTags') && !microversion.has('networksRequired')) || microversion.has('deviceTagsAgain'), 'tag', tag),
  });
  return microversion.has('networksRequired') ? z.union([z.array(network), z.enum(['none', 'auto'])]) : z.array(network).optional();
}

/** What a guest reads at its first start, in base64. */
export const userData = base64.pipe(text(65_535));

/** Files that are put into a server. */
export const personality = z.array(z.strictObject({ path: z.string(), contents: base64 }));

/** A host's name since 2.90, a domain name too since 2.94. */
export function hostnameSchema(microversion: Microversion) {
  return microversion.has('domainNames')
    ? text(255, 1).regex(/^[a-zA-Z0-9-._]*$/)
    : text(63, 2).regex(/^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$/);
}

/** Ids of the certificates by which an image may be signed. */
export const trustedCertificates = z
  .array(text(Number.POSITIVE_INFINITY, 1))
  .min(1)
  .max(50)
  .refine((ids) => new Set(ids).size === ids.length, 'the items are not unique')
  .nullable();

function serverSchema(microversion: Microversion) {
  return z.strictObject({
    name,
    flavorRef,
    imageRef: z.union([uuid, z.literal('')]).optional(),
    adminPass: z.string().optional(),
    metadata: metadata.default({}),
    'OS-DCF:diskConfig': z.enum(['AUTO', 'MANUAL']).optional(),
    accessIPv4: z.ipv4().optional(),
    accessIPv6: z.ipv6().transform(canonicalIpv6).optional(),
    availability_zone: name.optional(),
    config_drive: booleanValue.default(false),
    min_count: integerFrom(1).optional(),
    max_count: integerFrom(1).optional(),
    key_name: name.optional(),
    return_reservation_id: booleanValue.default(false),
    security_groups: z.array(z.strictObject({ name: name.optional() })).optional(),
    user_data: userData.optional(),
    block_device_mapping_v2: z.array(blockDeviceSchema(microversion)).default([]),
    networks: networksSchema(microversion),
    description: when(microversion.has('serverDescription'), 'description', description(255)),
    tags: when(microversion.has('tagsAtCreate'), 'tags', z.array(tag).max(50)),
    personality: when(!microversion.has('noPersonality'), 'personality', personality),
    trusted_image_certificates: when(microversion.has('trustedCertificates'), 'trusted_image_certificates', trustedCertificates),
    host: when(microversion.has('requestedHosts'), 'host', hostName),
    hypervisor_hostname: when(microversion.has('requestedHosts'), 'hypervisor_hostname', hostName),
    hostname: when(microversion.has('hostnames'), 'hostname', hostnameSchema(microversion)),
  });
}

/** Returns the schema of the whole body at a microversion. */
export function createBody(microversion: Microversion) {
  return z.strictObject({
    server: serverSchema(microversion),
    'os:scheduler_hints': schedulerHints,
    'OS-SCH-HNT:scheduler_hints': schedulerHints,
  });
}

/** A body that passed the schema. */
export type CreateBody = z.infer<ReturnType<typeof createBody>>;

/**
 * Turns a body into the words of the control plane.
 * @throws BadRequest for what the schema cannot see: fields that contradict each other.
 */
export function bootRequest(body: CreateBody, microversion: Microversion): BootRequest {
  const { server } = body;
  const minCount = server.min_count ?? 1;
  const maxCount = server.max_count ?? minCount;
  if (minCount > maxCount) throw new BadRequest('min_count must be <= max_count');
  const imageId = server.imageRef || null;
  const groups = (server.security_groups ?? []).flatMap(({ name }) => name ?? []);
  return {
    name: server.name,
    // Before descriptions came, a server's description was its name.
    description: microversion.has('serverDescription') ? (server.description ?? null) : server.name,
    hostname: server.hostname ?? null,
    flavorId: server.flavorRef.split(/[?#]/)[0]?.split('/').at(-1) ?? '',
    imageId,
    minCount,
    maxCount,
    metadata: server.metadata,
    tags: [...new Set(server.tags ?? [])],
    files: server.personality ?? [],
    adminPassword: server.adminPass ?? null,
    keyName: server.key_name ?? null,
    userData: server.user_data ?? null,
    availabilityZone: server.availability_zone ?? null,
    requestedHost:
      server.host || server.hypervisor_hostname ? { host: server.host ?? null, node: server.hypervisor_hostname ?? null } : null,
    configDrive: server.config_drive,
    autoDiskConfig: server['OS-DCF:diskConfig'] ? server['OS-DCF:diskConfig'] === 'AUTO' : null,
    accessIPv4: server.accessIPv4 ?? null,
    accessIPv6: server.accessIPv6 ?? null,
    blockDeviceMappings: server.block_device_mapping_v2.map((device) => blockDevice(device, imageId !== null)),
    networks: requestedNetworks(server.networks),
    securityGroups: groups.length > 0 ? [...new Set(groups)] : ['default'],
    trustedCerts: server.trusted_image_certificates ?? null,
    schedulerHints: hintLists(body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {}),
  };
}

function requestedNetworks(networks: CreateBody['server']['networks']): RequestedNetwork[] {
  if (!Array.isArray(networks)) return [];
  const ports = new Set<string>();
  return networks.map(({ uuid: id, port, fixed_ip }) => {
    if (port) {
      if (ports.has(port)) throw new BadRequest(`Port ID '${port}' was specified twice: you cannot attach a port multiple times.`);
      if (fixed_ip) {
        throw new BadRequest(`Specified Fixed IP '${fixed_ip}' cannot be used with port '${port}': the two cannot be specified together.`);
      }
      ports.add(port);
      return { kind: 'port', id: port, fixedIp: false };
    }
    if (id === undefined) throw new BadRequest("Bad network format: missing 'uuid'");
    if (!uuid.safeParse(id).success) throw new BadRequest(`Bad networks format: network uuid is not in proper format (${id})`);
    return { kind: 'network', id, fixedIp: fixed_ip !== undefined };
  });
}
