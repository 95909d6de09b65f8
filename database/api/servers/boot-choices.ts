/** What a boot names and must find before it is accepted: flavor, image, key pair, server group and quota, read in one call. */
import { type Database, query } from '../../data-api/client.ts';
import { type Flavor, flavorColumns, flavorVisible } from '../flavors.ts';
import { imageVisible } from '../images.ts';
import { type KeyPair, keyPairDocument } from '../keypairs.ts';
import { projectLimits } from '../quotas.ts';

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
export interface BootChoices<Limit extends string> {
  flavor: BootFlavor | null;
  image: BootImage | null;
  /** Whether the kernel and the ramdisk that the image names are images that the project may use. */
  kernelExists: boolean;
  /** Which of the images of disks the project may use. */
  deviceImages: string[];
  keyPair: KeyPair | null;
  /** Whether there is the server group for the caller. */
  groupExists: boolean;
  /** Whether the zone has an enabled host. */
  zoneAvailable: boolean;
  hostExists: boolean;
  /** The zone of the host that is forced: Nova's default zone for one that is not there. */
  forcedZone: string;
  /** What limits the project has, by the names of the defaults; -1 is unlimited. */
  limits: Record<Limit, number>;
}

/** A CTE of the images that the project of `:project` may boot from, of those whose ids are asked for by a condition. */
export const bootable = (asked: string) => `
     -- The images that the project may boot from, of those that are asked for.
     bootable as (
       select * from images where (${asked}) and ${imageVisible(':sees_all', ':project')})`;

/** SQL of the image `:image_id` of that CTE, null when it is not there. */
export const bootImage = `(select to_jsonb(found) from (
          select id, name, status, size, min_disk, min_ram, disk_format, container_format, properties from bootable
          where id = :image_id::uuid) found)`;

/** SQL that is true when the project may use the kernel and the ramdisk that this image names. */
export const bootKernelExists = `not exists (
         select from bootable cross join lateral jsonb_each_text(bootable.properties) as named (key, image)
         where id = :image_id::uuid and key in ('kernel_id', 'ramdisk_id') and bootable.properties->>'kernel_id' is distinct from 'nokernel'
           and image not in (select id::text from images where ${imageVisible(':sees_all', ':project')}))`;

/** SQL of the key pair `:key_name` of the user `:user_id`. */
export const bootKeyPair = `(select ${keyPairDocument('k')} from key_pairs k where user_id = :user_id and name = :key_name)`;

/**
 * Reads what a boot names, and makes sure that the project has its row of quota_usages, which acceptance locks.
 */
export async function findBootChoices<Limit extends string>(
  api: Database,
  asked: {
    flavorId: string;
    /** uuid of the image that is booted from. */
    imageId: string | null;
    /** uuids of the images of disks. */
    deviceImageIds: readonly string[];
    userId: string;
    keyName: string | null;
    /** uuid of the server group. */
    group: string | null;
    zone: string | null;
    /** Name of the host that is forced. */
    forcedHost: string | null;
    /** Names of a host that is asked for and of its node. */
    host: string | null;
    node: string | null;
    projectId: string;
    seesAllFlavors: boolean;
    /** Whether images and groups of other projects will do. */
    seesAll: boolean;
  },
  defaults: Readonly<Record<Limit, number>>,
): Promise<BootChoices<Limit>> {
  const [row] = await query<BootChoices<Limit>>(
    api,
    `with
     -- The project's row of quota use. Asked for first: an insert would wait for the boots and deletes of the project that are just moving its row.
     usage as (
       insert into quota_usages (project_id) select :project where not exists (select from quota_usages where project_id = :project)
       on conflict do nothing),
${bootable('id = :image_id::uuid or id in (select jsonb_array_elements_text(:device_images::jsonb)::uuid)')}
     select
       (select to_jsonb(found) - 'description' from (
          select ${flavorColumns('f')} from flavors f where flavorid = :flavor_id and not f.disabled and ${flavorVisible('f')}) found) as flavor,
       ${bootImage} as image,
       ${bootKernelExists} as "kernelExists",
       (select coalesce(jsonb_agg(id), '[]') from bootable) as "deviceImages",
       ${bootKeyPair} as "keyPair",
       exists (select from instance_groups where uuid = :group::uuid and (:sees_all or project_id = :project)) as "groupExists",
       exists (select from host_states where zone = :zone and cell_id is not null and not service_disabled) as "zoneAvailable",
       exists (
         select from host_states
         where cell_id is not null and host = coalesce(:host::text, :node::text) and host = coalesce(:node::text, :host::text)) as "hostExists",
       coalesce((select zone from host_states where host = :forced_host::text), 'nova') as "forcedZone",
       ${projectLimits(':project')} as limits`,
    {
      flavor_id: asked.flavorId,
      image_id: asked.imageId,
      device_images: asked.deviceImageIds,
      zone: asked.zone,
      forced_host: asked.forcedHost,
      host: asked.host,
      node: asked.node,
      user_id: asked.userId,
      key_name: asked.keyName,
      group: asked.group,
      project: asked.projectId,
      sees_all: asked.seesAll,
      project_id: asked.seesAllFlavors ? null : asked.projectId,
      defaults,
    },
  );
  if (!row) throw new Error('a select without from returns one row');
  return row;
}
