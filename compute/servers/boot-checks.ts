/** What a boot names must exist, fit together and be allowed. In Nova's order, so that of several faults the one is reported that Nova would report. */
import type { Caller } from '../../common/caller.ts';
import { BadRequest, Forbidden } from '../../common/errors.ts';
import { allows } from '../../common/policy.ts';
import type { BootChoices, BootFlavor, BootImage } from '../../database/api/servers/boot-choices.ts';
import type { QuotaLimits, QuotaName } from '../quotas/quotas.ts';
import { addFlavorDisks, checkBlockDevices, deviceImageIds, type NewBlockDevice, rootDevice } from './block-devices.ts';
import type { BootRequest } from './create-servers.ts';
import { checkHardware } from './hardware.ts';
import { checkImageProperties } from './image-meta.ts';

/** What was found of a boot whose flavor exists. */
type Found = BootChoices<QuotaName> & { flavor: BootFlavor };

/** Returns the id of the image that the server boots from, if it may exist: the one that is asked for, or the one that its root disk is made of. */
export function bootImageId({ imageId, blockDeviceMappings }: BootRequest): string | null {
  const [first = null] = deviceImageIds(blockDeviceMappings.filter(({ boot_index }) => boot_index === 0).slice(0, 1));
  return imageId ?? first;
}

/**
 * Returns all disks of a server whose boot can be accepted, as far as that is known before the quota is asked.
 * @param zone the one that must have an enabled host.
 * @throws BadRequest, Forbidden.
 */
export function checkBoot(caller: Caller, request: BootRequest, found: Found, zone: string | null): NewBlockDevice[] {
  const { flavor, image } = found;
  checkCount(request);
  if (zone !== null && !found.zoneAvailable) throw new BadRequest('The requested availability zone is not available');
  checkImage(request, image);
  if (!found.kernelExists) throw new BadRequest('Can not find requested image');
  checkSecurityGroups(request);
  checkNetworks(request);
  if (request.keyName !== null && !found.keyPair) throw new BadRequest('Invalid key_name provided.');
  checkImageProperties(image?.properties ?? {});
  checkHardware(flavor, image?.properties ?? {});
  const devices = addFlavorDisks(request, flavor, image);
  checkItems(request, found.limits);
  checkFit(flavor, image, rootDevice(devices), caller);
  const [group] = request.schedulerHints.group ?? [];
  if (group !== undefined && !found.groupExists) throw noSuchGroup(group);
  const { requestedHost } = request;
  if (requestedHost && !found.hostExists) {
    throw new BadRequest(`Compute host ${requestedHost.host ?? requestedHost.node} could not be found.`);
  }
  return checkBlockDevices(devices, flavor, new Set(found.deviceImages));
}

/** What cannot be shared by several servers. */
function checkCount({ maxCount, networks, hostname }: BootRequest): void {
  if (maxCount === 1) return;
  if (networks.some(({ kind, fixedIp }) => kind === 'network' && fixedIp)) {
    throw new BadRequest('Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.');
  }
  if (networks.some(({ kind }) => kind === 'port')) {
    throw new BadRequest(
      'Failed to launch instances: Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports.',
    );
  }
  if (hostname !== null) throw new BadRequest('Unable to allocate a single hostname to multiple instances');
}

/** Without an image that is asked for, the root disk is what is booted from; volumes and snapshots are of a service that is not here. */
function checkImage({ imageId, blockDeviceMappings }: BootRequest, image: BootImage | null): void {
  if (imageId !== null) {
    if (!image) throw new BadRequest('Can not find requested image');
    return;
  }
  const root = rootDevice(blockDeviceMappings);
  if (!root) return;
  if (root.snapshot_id !== null) throw new BadRequest(`Snapshot ${root.snapshot_id} could not be found.`);
  if (root.image_id !== null) {
    if (!image) throw new BadRequest(`Block Device Mapping is Invalid: failed to get image ${root.image_id}.`);
  } else if (root.volume_id !== null) {
    throw new BadRequest(`Block Device Mapping is Invalid: failed to get volume ${root.volume_id}.`);
  }
}

/** Security groups are of a service that is not here; every project has the one named default. */
function checkSecurityGroups({ securityGroups }: BootRequest): void {
  const unknown = securityGroups.find((name) => name !== 'default');
  if (unknown !== undefined) throw new BadRequest(`Unable to find security_group with name or id '${unknown}'`);
}

/** Networks and ports are of the same service: none of them exists. */
function checkNetworks({ networks }: BootRequest): void {
  const port = networks.find(({ kind }) => kind === 'port');
  if (port) throw new BadRequest(`Port id ${port.id} could not be found.`);
  if (networks.length === 0) return;
  throw new BadRequest(`Network ${[...new Set(networks.map(({ id }) => id))].join(', ')} could not be found.`);
}

/** Returns the refusal of a server group that does not exist. */
export function noSuchGroup(group: string): BadRequest {
  return new BadRequest(`Instance group ${group} could not be found.`);
}

/**
 * Of several limits that the files pass, the one of their paths is reported, as in Nova.
 * @throws Forbidden for more metadata or files than a server of the project may have.
 */
export function checkItems({ metadata, files }: Pick<BootRequest, 'metadata' | 'files'>, limits: QuotaLimits): void {
  const passes = (count: number, name: QuotaName) => limits[name] >= 0 && count > limits[name];
  if (passes(Object.keys(metadata).length, 'metadata_items')) {
    throw new Forbidden(`Maximum number of metadata items exceeds ${limits.metadata_items}`);
  }
  if (passes(files.length, 'injected_files')) throw new Forbidden('Personality file limit exceeded');
  if (files.some(({ path }) => passes([...path].length, 'injected_file_path_bytes'))) {
    throw new Forbidden(`Personality file path exceeds maximum ${limits.injected_file_path_bytes}`);
  }
  if (files.some(({ contents }) => passes([...contents].length, 'injected_file_content_bytes'))) {
    throw new Forbidden(`Personality file content exceeds maximum ${limits.injected_file_content_bytes}`);
  }
}

const bytesPerGiB = 2 ** 30;

/** @throws BadRequest when the image does not fit the flavor or the root disk, Forbidden when the flavor has no disk and the caller may not boot it. */
export function checkFit(
  flavor: Pick<BootFlavor, 'memory_mb' | 'root_gb'>,
  image: BootImage | null,
  root: Pick<NewBlockDevice, 'destination_type' | 'volume_size'> | undefined,
  caller: Caller,
): void {
  if (!image) return;
  if (image.status !== 'active') throw new BadRequest(`Image ${image.id} is not active.`);
  checkMinimumMemory(flavor, image.min_ram);
  const least = image.min_disk * bytesPerGiB;
  if (root?.destination_type === 'volume') {
    const volume = root.volume_size === null ? null : root.volume_size * bytesPerGiB;
    if (volume === null || least <= volume) return;
    throw new BadRequest(
      `Volume is smaller than the minimum size specified in image metadata. Volume size is ${volume} bytes, minimum size is ${least} bytes.`,
    );
  }
  if (flavor.root_gb === 0) {
    if (allows(caller, 'os_compute_api:servers:create:zero_disk_flavor')) return;
    throw new Forbidden('Only volume-backed servers are allowed for flavors with zero disk.');
  }
  const disk = flavor.root_gb * bytesPerGiB;
  if ((image.size ?? 0) > disk) {
    throw new BadRequest(`Flavor's disk is too small for requested image. Flavor disk is ${disk} bytes, image is ${image.size} bytes.`);
  }
  checkMinimumDisk(flavor, image.min_disk);
}

/** @throws BadRequest when a flavor has less than the MiB of memory that an image needs. */
export function checkMinimumMemory({ memory_mb }: Pick<BootFlavor, 'memory_mb'>, least: number): void {
  if (least > memory_mb) throw new BadRequest("Flavor's memory is too small for requested image.");
}

/** @throws BadRequest when a flavor has less than the GiB of disk that an image needs. */
export function checkMinimumDisk({ root_gb }: Pick<BootFlavor, 'root_gb'>, least: number): void {
  if (least <= root_gb) return;
  throw new BadRequest(
    `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${root_gb * bytesPerGiB} bytes, minimum size is ${least * bytesPerGiB} bytes.`,
  );
}
