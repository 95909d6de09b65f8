/**
 * The disks of a new server: what the client asks for with what follows from image and flavor, checked as Nova checks them. Volumes, their types and
 * snapshots are of a service that is not here: none of them exists. A disk that shall become a volume, of an image or blank, is kept as it is asked for.
 */

import { BadRequest } from '../../common/errors.ts';
import { isUuid } from '../../common/uuid.ts';
import type { BootFlavor, BootImage } from '../../database/api/servers/boot-choices.ts';
import type { BlockDeviceMapping } from '../../database/servers/columns.ts';

/** A disk before it belongs to a server. */
export type NewBlockDevice = Omit<BlockDeviceMapping, 'uuid'>;

const blank: NewBlockDevice = {
  source_type: 'blank',
  destination_type: 'local',
  boot_index: -1,
  device_name: null,
  delete_on_termination: true,
  image_id: null,
  snapshot_id: null,
  volume_id: null,
  volume_size: null,
  volume_type: null,
  guest_format: null,
  device_type: 'disk',
  disk_bus: null,
  tag: null,
};

/** Returns the disk that is booted from, if one is named. */
export function rootDevice(devices: readonly NewBlockDevice[]): NewBlockDevice | undefined {
  return devices.find(({ boot_index }) => boot_index === 0);
}

/** Returns the ids of images that disks are made of and that may exist. */
export function deviceImageIds(devices: readonly NewBlockDevice[]): string[] {
  return [...new Set(devices.flatMap(({ image_id }) => (image_id !== null && isUuid(image_id) ? image_id : [])))];
}

/**
 * Returns all disks of a server. Without any asked for, the image is the root disk; the flavor adds its ephemeral disk and its swap.
 * @throws BadRequest when they do not go together with the image or with several servers.
 */
export function addFlavorDisks(
  { imageId, maxCount, blockDeviceMappings }: { imageId: string | null; maxCount: number; blockDeviceMappings: readonly NewBlockDevice[] },
  flavor: BootFlavor,
  image: BootImage | null,
): NewBlockDevice[] {
  const bare = blockDeviceMappings.length === 0 && imageId !== null;
  const devices = bare ? [{ ...blank, source_type: 'image', image_id: imageId, boot_index: 0 }] : [...blockDeviceMappings];
  // Where the image names its root disk, Nova compares with a name that no disk has.
  if (imageId !== null && !image?.properties.root_device_name) {
    const taken = devices.some(({ destination_type, device_name }) => destination_type === 'volume' && device_name === '/dev/vda');
    if (taken) throw new BadRequest('The volume cannot be assigned the same device name as the root device vda');
  }
  if (maxCount > 1 && devices.some(({ source_type }) => source_type === 'volume')) {
    throw new BadRequest('Cannot attach one or more volumes to multiple instances');
  }
  if (flavor.ephemeral_gb > 0 && !devices.some(isEphemeral)) devices.push({ ...blank, volume_size: flavor.ephemeral_gb });
  if (flavor.swap > 0 && !devices.some(isSwap)) devices.push({ ...blank, guest_format: 'swap', volume_size: flavor.swap });
  return devices;
}

/**
 * Returns the disks with their sizes.
 * @param images ids of those that the caller may use.
 * @throws BadRequest when one does not exist, or when they do not fit together or not the flavor.
 */
export function checkBlockDevices(devices: readonly NewBlockDevice[], flavor: BootFlavor, images: ReadonlySet<string>): NewBlockDevice[] {
  const volume = devices.find(({ volume_id }) => volume_id !== null);
  if (volume) throw new BadRequest(`Volume ${volume.volume_id} could not be found.`);
  checkBootOrder(devices);
  for (const device of devices) checkDevice(device, images);
  const sized = devices.map((device) => ({ ...device, volume_size: device.volume_size ?? flavorSize(device, flavor) }));
  checkSizes(devices, sized, flavor);
  const local = devices.filter(({ destination_type }) => destination_type === 'local');
  if (local.length > mostLocal) throw invalid('You specified more local devices than the limit allows');
  return sized;
}

/** Nova's `max_local_block_devices`. */
const mostLocal = 3;

/** Nova's names of what a disk is to the server, and of the buses it is on. */
const deviceTypes = new Set(['cdrom', 'disk', 'floppy', 'fs', 'lun']);
const buses = new Set(['fdc', 'ide', 'sata', 'scsi', 'usb', 'virtio', 'xen', 'lxc', 'uml']);

function invalid(details: string): BadRequest {
  return new BadRequest(`Block Device Mapping is Invalid: ${details}`);
}

function isSwap({ source_type, destination_type, guest_format }: NewBlockDevice): boolean {
  return source_type === 'blank' && destination_type === 'local' && guest_format === 'swap';
}

function isEphemeral(device: NewBlockDevice): boolean {
  return device.source_type === 'blank' && device.destination_type === 'local' && !isSwap(device);
}

function flavorSize(device: NewBlockDevice, flavor: BootFlavor): number | null {
  if (isSwap(device)) return flavor.swap;
  return isEphemeral(device) ? flavor.ephemeral_gb : null;
}

/** Disks to boot from are numbered from 0 without a gap; a negative number, or none, is not booted from. */
function checkBootOrder(devices: readonly NewBlockDevice[]): void {
  const order = devices.flatMap(({ boot_index }) => (boot_index === null || boot_index < 0 ? [] : boot_index)).sort((a, b) => a - b);
  if (order.length > 0 && order.every((index, position) => index === position)) return;
  throw invalid('Boot sequence for the instance and image/block device mapping combination is not valid.');
}

function checkDevice(device: NewBlockDevice, images: ReadonlySet<string>): void {
  const { source_type, destination_type, image_id, snapshot_id, volume_size, volume_type, disk_bus, device_type } = device;
  if (volume_type) throw new BadRequest(`Volume type ${volume_type} could not be found.`);
  const unsized = destination_type === 'volume' && !volume_size;
  if (image_id !== null) {
    if (!images.has(image_id)) throw invalid(`failed to get image ${image_id}.`);
    if (source_type === 'image' && unsized) {
      throw new BadRequest("Images with destination_type 'volume' need to have a non-zero size specified");
    }
  } else if (snapshot_id !== null) {
    throw invalid(`failed to get snapshot ${snapshot_id}.`);
  } else if (source_type === 'blank' && unsized) {
    throw new BadRequest("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size");
  }
  // Nova has a longer sentence, under a name that it does not look at.
  if (disk_bus && !buses.has(disk_bus)) throw new BadRequest('Block Device Mapping is Invalid.');
  if (device_type && !deviceTypes.has(device_type)) throw invalid(`Field value ${device_type} is invalid.`);
}

function checkSizes(asked: readonly NewBlockDevice[], sized: readonly NewBlockDevice[], flavor: BootFlavor): void {
  const ephemeral = sized.filter(isEphemeral).reduce((sum, { volume_size }) => sum + (volume_size ?? 0), 0);
  if (ephemeral > flavor.ephemeral_gb) {
    throw new BadRequest(
      'Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device mapping, flavor ephemeral size will be used.',
    );
  }
  const [swap, ...others] = asked.filter(isSwap);
  if (others.length > 0) throw invalid('More than one swap drive requested.');
  if ((swap?.volume_size ?? 0) > flavor.swap) throw new BadRequest('Swap drive requested is larger than instance type allows.');
}
