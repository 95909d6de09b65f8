/** The disks of a new server: what the client asks for with what follows from image and flavor, checked as Nova checks them. */

import { BadRequest } from '../../common/errors.ts';
import type { BootFlavor } from '../../database/api/servers/boot-choices.ts';
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

/**
 * Returns all disks of a server. Without any asked for, the image is the root disk.
 * @throws BadRequest when they do not fit together, or not the flavor.
 */
export function blockDevices(
  asked: readonly NewBlockDevice[],
  imageId: string | null,
  flavor: BootFlavor,
  servers: number,
): NewBlockDevice[] {
  const image = asked.length === 0 && imageId !== null;
  const devices = image ? [{ ...blank, source_type: 'image', image_id: imageId, boot_index: 0 }] : [...asked];
  if (servers > 1 && devices.some(({ source_type }) => source_type === 'volume')) {
    throw new BadRequest('Cannot attach one or more volumes to multiple instances');
  }
  if (flavor.ephemeral_gb > 0 && !devices.some(isEphemeral)) devices.push({ ...blank, volume_size: flavor.ephemeral_gb });
  if (flavor.swap > 0 && !devices.some(isSwap)) devices.push({ ...blank, guest_format: 'swap', volume_size: flavor.swap });
  checkBootOrder(devices);
  checkSizes(devices, flavor);
  return devices;
}

/** Whether the root disk is a volume, whose size is not the flavor's. */
export function rootIsVolume(devices: readonly NewBlockDevice[]): boolean {
  return devices.some(({ boot_index, destination_type }) => boot_index === 0 && destination_type === 'volume');
}

function isSwap({ source_type, destination_type, guest_format }: NewBlockDevice): boolean {
  return source_type === 'blank' && destination_type === 'local' && guest_format === 'swap';
}

function isEphemeral(device: NewBlockDevice): boolean {
  return device.source_type === 'blank' && device.destination_type === 'local' && !isSwap(device);
}

/** Disks to boot from are numbered from 0 without a gap; a negative number, or none, is not booted from. */
function checkBootOrder(devices: readonly NewBlockDevice[]): void {
  const order = devices.flatMap(({ boot_index }) => (boot_index === null || boot_index < 0 ? [] : boot_index)).sort((a, b) => a - b);
  if (order.length > 0 && order.every((index, position) => index === position)) return;
  throw new BadRequest(
    'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
  );
}

function checkSizes(devices: readonly NewBlockDevice[], flavor: BootFlavor): void {
  for (const { source_type, destination_type, volume_size } of devices) {
    if (destination_type !== 'volume' || volume_size) continue;
    if (source_type === 'image') throw new BadRequest("Images with destination_type 'volume' need to have a non-zero size specified");
    if (source_type === 'blank') throw new BadRequest("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size");
  }
  const ephemeral = devices.filter(isEphemeral).reduce((sum, { volume_size }) => sum + (volume_size ?? flavor.ephemeral_gb), 0);
  if (ephemeral > flavor.ephemeral_gb) {
    throw new BadRequest(
      'Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device mapping, flavor ephemeral size will be used.',
    );
  }
  const [swap, ...others] = devices.filter(isSwap);
  if (others.length > 0) throw new BadRequest('Block Device Mapping is Invalid: More than one swap drive requested.');
  if ((swap?.volume_size ?? 0) > flavor.swap) throw new BadRequest('Swap drive requested is larger than instance type allows.');
}
