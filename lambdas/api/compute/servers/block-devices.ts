/** One item of `block_device_mapping_v2`: its form at each microversion, and the rules of Nova's `BlockDeviceDict` about what goes together. */

import * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import type { NewBlockDevice } from '../../../../compute/servers/block-devices.ts';
import type { Microversion } from '../microversions.ts';
import { booleanValue, integerFrom, largestInteger, leastInteger, tag, text, uuid, when } from '../shared/parameters.ts';

/** Returns the schema of an item. Tags came with 2.32, were lost until 2.42. */
export function blockDeviceSchema(microversion: Microversion) {
  const withTags = (microversion.has('deviceTags') && !microversion.has('noDiskTags')) || microversion.has('deviceTagsAgain');
  return z.strictObject({
    boot_index: integerFrom(leastInteger, largestInteger).nullish(),
    uuid: text(255, 1)
      .regex(/^[a-zA-Z0-9._-]*$/)
      .optional(),
    image_id: uuid.optional(),
    snapshot_id: uuid.optional(),
    volume_id: uuid.optional(),
    source_type: z.enum(['volume', 'image', 'snapshot', 'blank']).optional(),
    destination_type: z.enum(['local', 'volume']).optional(),
    guest_format: text(255).optional(),
    device_type: text(255).optional(),
    disk_bus: text(255).optional(),
    device_name: text(255, 1)
      .regex(/^[a-zA-Z0-9._/-]*$/)
      .optional(),
    virtual_name: text(255).optional(),
    connection_info: z.string().optional(),
    delete_on_termination: booleanValue.default(false),
    volume_size: integerFrom(1, largestInteger).optional(),
    volume_type: when(microversion.has('volumeTypes'), 'volume_type', text(255).nullable()),
    no_device: z.unknown().optional(),
    tag: when(withTags, 'tag', tag),
  });
}

/** An item that passed the schema. */
export type BlockDevice = z.infer<ReturnType<typeof blockDeviceSchema>>;

/**
 * Turns an item into a block device of the server.
 * @throws BadRequest when its fields contradict each other.
 */
export function blockDevice(device: BlockDevice, hasImage: boolean): NewBlockDevice {
  const { source_type = '' } = device;
  if (device.virtual_name !== undefined) throw invalid('Following fields are invalid: virtual_name');
  if (!device.no_device) check(device, hasImage);
  const source = (!device.no_device && device.uuid) || null;
  return {
    source_type,
    destination_type: device.destination_type ?? (source_type === 'image' || source_type === 'blank' ? 'local' : 'volume'),
    boot_index: device.boot_index ?? null,
    device_name: device.device_name === undefined ? null : `/dev/${device.device_name.replace(/^\/dev\//, '')}`,
    delete_on_termination: device.delete_on_termination,
    image_id: source_type === 'image' ? source : (device.image_id ?? null),
    snapshot_id: source_type === 'snapshot' ? source : (device.snapshot_id ?? null),
    volume_id: source_type === 'volume' ? source : (device.volume_id ?? null),
    volume_size: device.volume_size ?? null,
    volume_type: device.volume_type ?? null,
    guest_format: device.guest_format ?? null,
    device_type: device.device_type ?? null,
    disk_bus: device.disk_bus ?? null,
    tag: device.tag ?? null,
  };
}

function check({ source_type, uuid: source, destination_type, volume_type, boot_index }: BlockDevice, hasImage: boolean): void {
  if (source_type === 'blank' && source) throw invalid('Invalid device UUID.');
  if (source_type !== 'blank' && !source) throw invalid('Missing device UUID.');
  if (source_type === undefined) throw invalid('Some required fields are missing');
  const isRootImage = hasImage && boot_index === 0;
  if (source_type === 'image' && destination_type === 'local' && !isRootImage) throw invalid('Mapping image to local is not supported.');
  if (!volume_type) return;
  if (destination_type === 'local') throw invalid('Specifying a volume_type with destination_type=local is not supported.');
  if (source_type === 'volume') throw invalid('Specifying volume type to existing volume is not supported.');
}

function invalid(details: string): BadRequest {
  return new BadRequest(`Block Device Mapping is Invalid: ${details}`);
}
