/**
 * Accepting servers: everything the request names is looked up in one call, everything it makes is written in the next. From then on the servers exist;
 * the boot workflow only decides where.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { type BootImage, findBootChoices } from '../../database/api/boot-choices.ts';
import { acceptServers } from '../../database/api/build-requests.ts';
import type { Flavor } from '../../database/api/flavors.ts';
import type { Database } from '../../database/data-api.ts';
import type { BlockDeviceMapping, Instance } from '../../database/instance.ts';
import { BadRequest, Forbidden } from '../errors.ts';
import { allows, type Caller } from '../policy.ts';
import { defaultLimits, itemLimits, quotaExceeded } from '../quota.ts';
import { isUuid } from '../uuid.ts';
import { hostnameOf } from './hostname.ts';

/** What a client asks for, already checked for its form. */
export interface BootRequest {
  name: string;
  description: string | null;
  /** null lets it follow from the name. */
  hostname: string | null;
  flavorId: string;
  /** An image's id or URL; empty boots from a volume. */
  imageRef: string;
  minCount: number;
  maxCount: number;
  metadata: Record<string, string>;
  tags: string[];
  keyName: string | null;
  userData: string | null;
  availabilityZone: string | null;
  configDrive: boolean;
  autoDiskConfig: boolean | null;
  accessIPv4: string | null;
  accessIPv6: string | null;
  /** Ids of networks and ports to connect to. */
  networks: string[];
  securityGroups: string[];
  blockDeviceMappings: Omit<BlockDeviceMapping, 'uuid'>[];
  schedulerHints: Record<string, string[]>;
}

/** The servers of one request; the boot workflow runs under the reservation's name. */
export interface Reservation {
  reservationId: string;
  requestId: string;
  /** uuids in the order of their launch indexes; at least one. */
  servers: [string, ...string[]];
}

/** Hosts are in Nova's default zone until aggregates say otherwise. */
const zones = ['nova'];
/** One workflow carries the servers of a request; its state and its history are bounded. */
const mostServers = 500;

/**
 * Accepts a boot: quota, request specs, build requests and mappings of all servers, or nothing.
 * @throws BadRequest for what does not exist or does not fit, Forbidden when the quota does not allow the least wanted.
 */
export async function createServers(api: Database, caller: Caller, requestId: string, request: BootRequest): Promise<Reservation> {
  checkItems(request);
  const imageId = readImageRef(request);
  const choices = await findBootChoices(
    api,
    {
      flavorId: request.flavorId,
      imageId,
      projectId: caller.projectId,
      seesAllFlavors: allows(caller, 'os_compute_api:os-flavor-manage:create'),
    },
    defaultLimits,
  );
  const { flavor, image } = choices;
  if (!flavor) throw new BadRequest(`Flavor ${request.flavorId} could not be found.`);
  if (imageId !== null && !image) throw new BadRequest('Can not find requested image');
  checkFit(flavor, image, caller);

  const most = Math.min(request.maxCount, choices.instancesLimit < 0 ? mostServers : Math.max(choices.instancesLimit, request.minCount, 1));
  if (request.minCount > mostServers) throw new BadRequest(`min_count must be <= ${mostServers}`);
  const reservationId = `r-${randomBytes(5).toString('base64url').replace(/[-_]/g, '0').toLowerCase().padEnd(8, '0').slice(0, 8)}`;
  const uuids = Array.from({ length: Math.min(most, mostServers) }, () => randomUUID());
  const accepted = await acceptServers(api, {
    reservationId,
    requestId,
    template: template(caller, request, flavor, image, reservationId),
    blockDeviceMappings: request.blockDeviceMappings,
    tags: request.tags,
    spec: {
      flavor: savedFlavor(flavor),
      image: image && { id: image.id, properties: image.properties },
      availability_zone: request.availabilityZone,
      scheduler_hints: request.schedulerHints,
    },
    servers: uuids.map((uuid, index) => ({
      uuid,
      display_name: `${request.name}-${index + 1}`,
      hostname: hostnameOf(request.name) ? `${hostnameOf(request.name)}-${index + 1}` : `Server-${uuid}`,
    })),
    minCount: request.minCount,
    defaultLimits,
  });
  const [first, ...others] = uuids.slice(0, accepted.count);
  if (!first) {
    const { minCount } = request;
    throw quotaExceeded(accepted, { instances: minCount, cores: minCount * flavor.vcpus, ram: minCount * flavor.memory_mb });
  }
  return { reservationId, requestId, servers: [first, ...others] };
}

function checkItems({ metadata, availabilityZone, minCount, maxCount, hostname, keyName, networks }: BootRequest): void {
  if (minCount > maxCount) throw new BadRequest('min_count must be <= max_count');
  if (Object.keys(metadata).length > itemLimits.metadataItems) {
    throw new Forbidden(`Maximum number of metadata items exceeds ${itemLimits.metadataItems}`);
  }
  if (maxCount > 1 && hostname !== null) throw new BadRequest('Multi-instance create with explicit hostnames is not supported.');
  if (keyName !== null) throw new BadRequest('Invalid key_name provided.');
  const [network] = networks;
  if (network !== undefined) throw new BadRequest(`Network ${network} could not be found.`);
  if (availabilityZone !== null && !zones.includes(availabilityZone))
    throw new BadRequest('The requested availability zone is not available');
}

/** Gives the id at the end of the image reference, or null when the server boots from one of its block devices. */
function readImageRef({ imageRef, blockDeviceMappings }: BootRequest): string | null {
  if (imageRef === '' && blockDeviceMappings.length > 0) return null;
  if (imageRef === '') throw new BadRequest('Missing imageRef attribute');
  const id = imageRef.split('/').at(-1) ?? '';
  if (!isUuid(id)) throw new BadRequest('Invalid imageRef provided.');
  return id;
}

function checkFit(flavor: Flavor, image: BootImage | null, caller: Caller): void {
  if (flavor.root_gb === 0 && image && !allows(caller, 'os_compute_api:servers:create:zero_disk_flavor')) {
    throw new Forbidden('Only volume-backed servers are allowed for flavors with zero disk.');
  }
  if (!image) return;
  if (image.status !== 'active') throw new BadRequest(`Image ${image.id} is not active.`);
  if (image.min_ram > flavor.memory_mb) throw new BadRequest("Flavor's memory is too small for requested image.");
  if (flavor.root_gb > 0 && image.min_disk > flavor.root_gb) {
    throw new BadRequest("The created instance's disk would be too small: the image needs more than the flavor's disk.");
  }
}

function savedFlavor(flavor: Flavor): Instance['flavor'] {
  const { flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, extra_specs } = flavor;
  return { flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, extra_specs };
}

function template(caller: Caller, request: BootRequest, flavor: Flavor, image: BootImage | null, reservationId: string) {
  return {
    user_id: caller.userId,
    project_id: caller.projectId,
    image_ref: image?.id ?? '',
    hostname: request.hostname ?? hostnameOf(request.name),
    display_name: request.name,
    display_description: request.description,
    key_name: null,
    key_data: null,
    power_state: 0,
    vm_state: 'building',
    task_state: 'scheduling',
    memory_mb: flavor.memory_mb,
    vcpus: flavor.vcpus,
    root_gb: flavor.root_gb,
    ephemeral_gb: flavor.ephemeral_gb,
    host: null,
    node: null,
    instance_type_id: flavor.id,
    user_data: request.userData,
    reservation_id: reservationId,
    launched_at: null,
    terminated_at: null,
    availability_zone: request.availabilityZone,
    locked: false,
    root_device_name: null,
    config_drive: request.configDrive ? 'True' : '',
    access_ip_v4: request.accessIPv4,
    access_ip_v6: request.accessIPv6,
    auto_disk_config: request.autoDiskConfig ?? false,
    progress: 0,
    created_at: new Date().toISOString(),
    updated_at: null,
    deleted: 0,
    flavor: savedFlavor(flavor),
    metadata: request.metadata,
    system_metadata: systemMetadata(caller, image),
    security_groups: request.securityGroups,
    fault: null,
  };
}

/** What Nova keeps of the image and of the owner's names beside a server. */
function systemMetadata(caller: Caller, image: BootImage | null): Record<string, string> {
  const kept: Record<string, string> = { owner_user_name: caller.userName, owner_project_name: caller.projectName };
  if (!image) return kept;
  const { id, min_disk, min_ram, disk_format, container_format, properties } = image;
  for (const [key, value] of Object.entries(properties)) kept[`image_${key}`] = value;
  kept.image_base_image_ref = id;
  kept.image_min_disk = String(min_disk);
  kept.image_min_ram = String(min_ram);
  if (disk_format) kept.image_disk_format = disk_format;
  if (container_format) kept.image_container_format = container_format;
  return kept;
}
