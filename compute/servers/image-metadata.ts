/** What Nova keeps of an image beside a server that was made of it: as the image was then, whatever becomes of it. */
import type { BootImage } from '../../database/api/servers/boot-choices.ts';

/**
 * Returns it by the keys of the server's system metadata.
 * @param rootGb the server's root disk: what is made of it takes as much.
 */
export function imageMetadata(imageRef: string, image: BootImage, rootGb: number): Record<string, string> {
  const { min_disk, min_ram, disk_format, container_format, properties } = image;
  const kept = Object.fromEntries(Object.entries(properties).map(([key, value]) => [`image_${key}`, value]));
  return {
    ...kept,
    image_base_image_ref: imageRef,
    image_min_disk: String(Math.max(min_disk, rootGb)),
    image_min_ram: String(min_ram),
    ...(disk_format && { image_disk_format: disk_format }),
    ...(container_format && { image_container_format: container_format }),
  };
}
