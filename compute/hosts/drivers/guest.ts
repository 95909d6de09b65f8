/** A server as a hypervisor must know it to start it. */
import { type BlockDeviceMapping, blockDeviceColumns } from '../../../database/servers/columns.ts';
import type { Instance } from '../../../database/servers/document.ts';

/** What a server's row has of it, by the same names. */
const ofRow = [
  ...(['display_name', 'hostname', 'project_id', 'user_id', 'reservation_id', 'launch_index', 'availability_zone', 'flavor'] as const),
  ...(['kernel_id', 'ramdisk_id', 'root_device_name', 'metadata', 'system_metadata', 'user_data'] as const),
  ...(['tags', 'security_groups', 'trusted_certs'] as const),
] as const;

/** A server as its host gets it. `user_data` is in base64. */
export interface Guest extends Pick<Instance, (typeof ofRow)[number]> {
  block_device_mappings: BlockDeviceMapping[];
  /** What its root disk is made of, with the image's properties as they were at the boot; null when it is made of none. */
  image: { id: string; properties: Record<string, string> } | null;
  /** Whether it reads its metadata from a disk. */
  config_drive: boolean;
  key: { name: string; public_key: string } | null;
  /** Its addresses: none while there is no network. */
  addresses: readonly [];
}

/** Returns the guest that a server is on its host. */
export function guestOf(instance: Instance): Guest {
  const { key_name, key_data } = instance;
  return {
    ...pick(instance, ofRow),
    block_device_mappings: instance.block_device_mappings.map((device) => pick(device, [...blockDeviceColumns.keys()])),
    image: imageOf(instance),
    config_drive: instance.config_drive === 'True',
    key: key_name !== null && key_data !== null ? { name: key_name, public_key: key_data } : null,
    addresses: [],
  };
}

function pick<Whole extends object, Name extends keyof Whole>(whole: Whole, names: readonly Name[]): Pick<Whole, Name> {
  return Object.fromEntries(names.map((name) => [name, whole[name]])) as Pick<Whole, Name>;
}

/** What Nova keeps of an image among its properties, and what it is for. */
const notProperties = new Set(['base_image_ref', 'min_disk', 'min_ram', 'disk_format', 'container_format']);
const prefix = 'image_';

function imageOf({ image_ref, block_device_mappings, system_metadata }: Instance): Guest['image'] {
  // A root disk on a volume was made of what its rebuild named last, or else of what its boot named.
  const id =
    image_ref || system_metadata.image_base_image_ref || block_device_mappings.find(({ boot_index }) => boot_index === 0)?.image_id;
  if (!id) return null;
  const kept = Object.entries(system_metadata).flatMap(([key, value]): [string, string][] =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
  );
  return { id, properties: Object.fromEntries(kept.filter(([key]) => !notProperties.has(key))) };
}
