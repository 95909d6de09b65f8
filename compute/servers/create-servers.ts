/**
 * Accepting servers: everything the request names is looked up in one call, everything it makes is written in the next. From then on the servers exist;
 * the boot workflow only decides where.
 */
import { randomInt, randomUUID } from 'node:crypto';
import type { Caller } from '../../common/caller.ts';
import { BadRequest, Forbidden } from '../../common/errors.ts';
import { allows, authorize } from '../../common/policy.ts';
import { acceptServers } from '../../database/api/servers/accept-servers.ts';
import { type BootFlavor, type BootImage, findBootChoices } from '../../database/api/servers/boot-choices.ts';
import type { InheritedByImages, NamedHost } from '../../database/api/servers/request-spec.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { Instance } from '../../database/servers/document.ts';
import { defaultLimits, quotaExceeded } from '../quotas/instance-quota.ts';
import { quotaDefaults } from '../quotas/quotas.ts';
import { overriddenResources } from '../scheduler/requested-resources.ts';
import { deviceImageIds, type NewBlockDevice } from './block-devices.ts';
import { bootImageId, checkBoot, noSuchGroup } from './boot-checks.ts';
import { hostnameOf } from './hostname.ts';
import { imageMetadata } from './image-metadata.ts';
import type { Seal } from './secrets.ts';

/** A network to connect to, or a port of one. */
export interface RequestedNetwork {
  kind: 'network' | 'port';
  id: string;
  /** Whether an address in the network was asked for. */
  fixedIp: boolean;
}

/** What a client asks for, already checked for its form. */
export interface BootRequest {
  name: string;
  description: string | null;
  /** null lets it follow from the name. */
  hostname: string | null;
  flavorId: string;
  /** null boots from one of the block devices. */
  imageId: string | null;
  minCount: number;
  maxCount: number;
  metadata: Record<string, string>;
  tags: string[];
  /** Files to put into the server, their contents in base64. */
  files: { path: string; contents: string }[];
  /** null where one was made for the client. */
  adminPassword: string | null;
  keyName: string | null;
  userData: string | null;
  /** `zone`, or for admins `zone:host:node`, of which each may be empty. */
  availabilityZone: string | null;
  /** The host, and its node, that an admin asks for beside the zone. */
  requestedHost: NamedHost | null;
  configDrive: boolean;
  autoDiskConfig: boolean | null;
  accessIPv4: string | null;
  accessIPv6: string | null;
  networks: RequestedNetwork[];
  securityGroups: string[];
  blockDeviceMappings: NewBlockDevice[];
  /** Ids of the certificates by which the image may be signed. */
  trustedCerts: string[] | null;
  schedulerHints: Record<string, string[]>;
}

/** The servers of one request; the boot workflow runs under the reservation's name. */
export interface Reservation {
  reservationId: string;
  requestId: string;
  /** uuids in the order of their launch indexes; at least one. */
  servers: [string, ...string[]];
}

/** One workflow carries the servers of a request; its state and its history are bounded. */
const mostServers = 500;

/**
 * Accepts a boot: quota, request specs, build requests and mappings of all servers, or nothing.
 * @param seal seals the password of the servers, given or made, and their files.
 * @throws BadRequest for what does not exist or does not fit, Forbidden when the quota does not allow the least wanted.
 */
export async function createServers(
  api: Database,
  caller: Caller,
  requestId: string,
  request: BootRequest,
  seal: Seal,
): Promise<Reservation> {
  const { imageId, minCount, maxCount, keyName } = request;
  const group = request.schedulerHints.group?.[0] ?? null;
  const { zone: asked, forced } = placeOf(request, caller);
  if (request.trustedCerts) authorize(caller, 'os_compute_api:servers:create:trusted_certs');
  if (request.trustedCerts && imageId === null) {
    throw new BadRequest('Image certificate validation is not supported when booting from volume');
  }
  if (imageId === null && request.blockDeviceMappings.length === 0) throw new BadRequest('Missing imageRef attribute');
  const seesAll = allows(caller, 'context_is_admin');
  const choices = await findBootChoices(
    api,
    {
      flavorId: request.flavorId,
      imageId: bootImageId(request),
      deviceImageIds: deviceImageIds(request.blockDeviceMappings),
      userId: caller.userId,
      keyName,
      group,
      zone: asked,
      forcedHost: forced && (forced.host ?? forced.node),
      host: request.requestedHost?.host ?? null,
      node: request.requestedHost?.node ?? null,
      projectId: caller.projectId,
      seesAllFlavors: allows(caller, 'os_compute_api:os-flavor-manage:create'),
      seesAll,
    },
    quotaDefaults,
  );
  const { flavor, image } = choices;
  if (!flavor) throw new BadRequest(`Flavor ${request.flavorId} could not be found.`);
  const devices = checkBoot(caller, request, { ...choices, flavor }, forced ? null : asked);
  // A forced host is where it is: like Nova, another zone beside it is passed over.
  const zone = forced && asked !== choices.forcedZone ? null : asked;

  const limit = choices.limits.instances < 0 ? mostServers : Math.min(Math.max(choices.limits.instances, minCount), mostServers);
  const reservationId = newReservationId();
  // More than can be accepted at once are none: the answer then says whether the quota forbids them too, as Nova would.
  const uuids = minCount > mostServers ? [] : Array.from({ length: Math.min(maxCount, limit) }, () => randomUUID());
  const hostname = hostnameOf(request.name);
  const accepted = await acceptServers(api, {
    reservationId,
    requestId,
    template: {
      ...template(caller, request, flavor, image, reservationId),
      availability_zone: zone,
      key_name: keyName,
      key_data: choices.keyPair?.public_key ?? null,
      // Servers of a request have the same secrets, so the reservation distinguishes them from others.
      secrets: { sealed: seal(reservationId), ...((request.adminPassword !== null || request.files.length > 0) && { required: true }) },
      hostname: request.hostname ?? (hostname || `Server-${uuids[0]}`),
    },
    blockDeviceMappings: devices,
    tags: request.tags,
    spec: {
      flavor: savedFlavor(flavor),
      resources: overriddenResources(flavor.extra_specs),
      image: image && { id: image.id, properties: image.properties },
      ...(image && { inherited: inheritedOf(image) }),
      availability_zone: zone,
      scheduler_hints: request.schedulerHints,
      ...(forced && { forced_host: forced }),
      ...(request.requestedHost && { requested_host: request.requestedHost }),
      ...(group === null ? {} : { group }),
    },
    servers: uuids.map((uuid, index) => ({
      uuid,
      display_name: `${request.name}-${index + 1}`,
      hostname: hostname ? `${hostname}-${index + 1}` : `Server-${uuid}`,
    })),
    minCount: Math.min(minCount, mostServers + 1),
    defaultLimits,
    defaultGroupMembers: quotaDefaults.server_group_members,
    anyGroup: seesAll,
  });
  const [first, ...others] = uuids.slice(0, accepted.count);
  if (first) return { reservationId, requestId, servers: [first, ...others] };
  const exceeded = quotaExceeded(accepted, flavor, minCount, maxCount);
  if (exceeded) throw exceeded;
  if (minCount > mostServers || group === null) throw new BadRequest(`min_count must be <= ${mostServers}`);
  throw accepted.groupCapacity === null ? noSuchGroup(group) : new Forbidden('Quota exceeded, too many servers in group');
}

/** Like Nova's: short enough to type, and long enough that the workflow's name is its own. */
function newReservationId(): string {
  return `r-${Array.from({ length: 8 }, () => randomInt(36).toString(36)).join('')}`;
}

/** Where the server may go: a zone, and for an admin the very host, which no filter rejects. */
function placeOf({ availabilityZone, requestedHost }: BootRequest, caller: Caller): { zone: string | null; forced: NamedHost | null } {
  if (requestedHost) authorize(caller, 'os_compute_api:servers:create:requested_destination');
  if (availabilityZone === null) return { zone: null, forced: null };
  const [zone = '', host = '', node = '', ...more] = availabilityZone.split(':');
  if (more.length > 0) throw new BadRequest('Invalid input received: Unable to parse availability_zone');
  const forced = host || node ? { host: host || null, node: node || null } : null;
  if (forced) authorize(caller, 'os_compute_api:servers:create:forced_host');
  if (forced && requestedHost) {
    throw new BadRequest(
      'One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.',
    );
  }
  return { zone: zone || null, forced };
}

/** Returns what a server keeps of its flavor. */
export function savedFlavor(flavor: BootFlavor): Instance['flavor'] {
  const { flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, extra_specs } = flavor;
  return { flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, extra_specs };
}

function template(caller: Caller, request: BootRequest, flavor: BootFlavor, image: BootImage | null, reservationId: string) {
  return {
    user_id: caller.userId,
    project_id: caller.projectId,
    image_ref: request.imageId ?? '',
    ...kernelOf(image),
    display_name: request.name,
    display_description: request.description,
    memory_mb: flavor.memory_mb,
    vcpus: flavor.vcpus,
    root_gb: flavor.root_gb,
    ephemeral_gb: flavor.ephemeral_gb,
    instance_type_id: flavor.id,
    user_data: request.userData,
    reservation_id: reservationId,
    root_device_name: rootDeviceName(image),
    config_drive: request.configDrive ? 'True' : '',
    access_ip_v4: request.accessIPv4,
    access_ip_v6: request.accessIPv6,
    auto_disk_config: request.autoDiskConfig ?? false,
    flavor: savedFlavor(flavor),
    metadata: request.metadata,
    system_metadata: systemMetadata(caller, request.imageId, image, flavor),
    security_groups: request.securityGroups,
    trusted_certs: request.trustedCerts,
    fault: null,
  };
}

/** The images of which the guest is started instead of its disk, as Nova shows them. */
function kernelOf(image: BootImage | null): Pick<Instance, 'kernel_id' | 'ramdisk_id'> {
  const { kernel_id = '', ramdisk_id = '' } = image?.properties ?? {};
  return kernel_id === 'nokernel' ? { kernel_id: '', ramdisk_id: '' } : { kernel_id, ramdisk_id };
}

/** What the image calls its root disk; otherwise the host names it. */
function rootDeviceName(image: BootImage | null): string | null {
  const name = image?.properties.root_device_name;
  return name ? `/dev/${name.replace(/^\/dev\//, '')}` : null;
}

function inheritedOf({ min_disk, min_ram, disk_format, container_format }: BootImage): InheritedByImages {
  return { min_disk, min_ram, disk_format, container_format };
}

/** What Nova keeps of the image and of the owner's names beside a server. */
function systemMetadata(caller: Caller, imageRef: string | null, image: BootImage | null, flavor: BootFlavor): Record<string, string> {
  const names = { owner_user_name: caller.userName, owner_project_name: caller.projectName };
  if (!image) return names;
  // An image that was made of a server names its base itself.
  const { base_image_ref = imageRef ?? '' } = image.properties;
  return { ...names, ...imageMetadata(base_image_ref, image, flavor.root_gb) };
}
