/** An image as Glance shows it: its properties stand beside its own keys, and links have no host. */
import type { Image } from '../../../../image/images.ts';

/** Returns the body of one image. */
export function imageView(image: Image): object {
  const path = `/v2/images/${image.id}`;
  return {
    ...image.properties,
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    owner: image.owner,
    size: image.size,
    virtual_size: null,
    checksum: image.checksum,
    os_hash_algo: image.osHashAlgo,
    os_hash_value: image.osHashValue,
    os_hidden: false,
    disk_format: image.diskFormat,
    container_format: image.containerFormat,
    min_disk: image.minDisk,
    min_ram: image.minRam,
    protected: false,
    tags: [],
    created_at: toSeconds(image.createdAt),
    updated_at: toSeconds(image.updatedAt),
    self: path,
    file: `${path}/file`,
    schema: '/v2/schemas/image',
  };
}

function toSeconds(time: string): string {
  return time.replace(/(?:\.\d+)?Z$/, 'Z');
}
