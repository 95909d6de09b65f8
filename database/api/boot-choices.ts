/** What a boot names and must find before it is accepted: flavor, image and quota, read in one call. */
import { type Database, query } from '../data-api.ts';
import { type Flavor, flavorColumns, flavorVisible } from './flavors.ts';
import type { QuotaResource } from './quotas.ts';

/** An image as a boot needs it; min_disk in GiB, min_ram in MiB, size in bytes. */
export interface BootImage {
  id: string;
  name: string | null;
  status: string;
  size: number | null;
  min_disk: number;
  min_ram: number;
  disk_format: string | null;
  container_format: string | null;
  properties: Record<string, string>;
}

/** A flavor without its description, which no server needs and which may be larger than a row of the Data API. */
export type BootFlavor = Omit<Flavor, 'description'>;

/** null stands for what does not exist or is not for this project. */
export interface BootChoices {
  flavor: BootFlavor | null;
  image: BootImage | null;
  /** The most instances that the project may have; -1 is unlimited. */
  instancesLimit: number;
}

/**
 * Reads what a boot names, and makes sure that the project has its row of quota_usages, which acceptance locks.
 */
export async function findBootChoices(
  api: Database,
  asked: { flavorId: string; imageId: string | null; projectId: string; seesAllFlavors: boolean },
  defaults: Readonly<Record<QuotaResource, number>>,
): Promise<BootChoices> {
  const [row] = await query<BootChoices>(
    api,
    `with usage as (insert into quota_usages (project_id) values (:project) on conflict do nothing)
     select
       (select to_jsonb(found) - 'description' from (
          select ${flavorColumns} from flavors f where flavorid = :flavor_id and not f.disabled and ${flavorVisible}) found) as flavor,
       (select to_jsonb(found) from (
          select id, name, status, size, min_disk, min_ram, disk_format, container_format, properties from images
          where id = :image_id::uuid and (visibility <> 'private' or owner = :project)) found) as image,
       coalesce((select hard_limit from quotas where project_id = :project and resource = 'instances'), :default_instances::int) as "instancesLimit"`,
    {
      flavor_id: asked.flavorId,
      image_id: asked.imageId,
      project: asked.projectId,
      project_id: asked.seesAllFlavors ? null : asked.projectId,
      default_instances: defaults.instances,
    },
  );
  if (!row) throw new Error('a select without from gives one row');
  return row;
}
