/** The flavors that a new cloud starts with. Safe to do again with every deployment. */
import { createFlavor } from '../../database/api/flavors.ts';
import type { Database } from '../../database/data-api/client.ts';

/** DevStack's flavors: name, id, vCPUs, memory in MiB, disk in GiB. */
const flavors = [
  ['m1.tiny', '1', 1, 512, 1],
  ['m1.small', '2', 1, 2_048, 20],
  ['m1.medium', '3', 2, 4_096, 40],
  ['m1.large', '4', 4, 8_192, 80],
  ['m1.xlarge', '5', 8, 16_384, 160],
] as const;

/** Adds the flavors, one after another, so that they sort by number as they stand here; those that exist stay as they are. */
export async function seedFlavors(api: Database): Promise<void> {
  for (const [name, flavorid, vcpus, memory_mb, root_gb] of flavors) {
    const rest = { ephemeral_gb: 0, swap: 0, rxtx_factor: 1, is_public: true, description: null };
    await createFlavor(api, { name, flavorid, vcpus, memory_mb, root_gb, ...rest }, null);
  }
}
