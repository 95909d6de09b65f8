/** Images are records only: what a server may boot and what resources it needs. The bits are the host driver's affair. */
import { type Database, type Parameter, query } from '../data-api/client.ts';

export type ImageVisibility = 'public' | 'private' | 'shared' | 'community';

/** An image as stored. */
export interface Image {
  /** A uuid. */
  id: string;
  name: string;
  /** The project it belongs to. */
  owner: string;
  visibility: ImageVisibility;
  status: string;
  /** In bytes. */
  size: number | null;
  /** In GiB. */
  minDisk: number;
  /** In MiB. */
  minRam: number;
  diskFormat: string | null;
  containerFormat: string | null;
  checksum: string | null;
  osHashAlgo: string | null;
  osHashValue: string | null;
  properties: Record<string, string>;
  /** ISO 8601 in UTC. */
  createdAt: string;
  updatedAt: string;
}

/** What is given of a new image; the rest follows. */
export type NewImage = Omit<Image, 'createdAt' | 'updatedAt'>;

/** Who looks, and of which project. */
export interface ImageViewer {
  projectId: string;
  seesAll: boolean;
}

/** Columns a listing may be sorted by, under Glance's names. */
export const imageSortKeys = ['name', 'status', 'container_format', 'disk_format', 'size', 'id', 'created_at', 'updated_at'] as const;

export interface ImageSort {
  key: (typeof imageSortKeys)[number];
  direction: 'asc' | 'desc';
}

/** Columns that images are found by. */
export type ImageText =
  | 'id'
  | 'name'
  | 'owner'
  | 'status'
  | 'disk_format'
  | 'container_format'
  | 'checksum'
  | 'os_hash_algo'
  | 'os_hash_value';
export type ImageNumber = 'size' | 'min_disk' | 'min_ram';
export type ImageTime = 'created_at' | 'updated_at';
export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** A condition on images; times are ISO 8601 and are compared by the second, as they are shown. */
export type ImageFilter =
  | { text: ImageText; oneOf: readonly string[] }
  | { number: ImageNumber; comparison: Comparison; value: number }
  | { time: ImageTime; comparison: Comparison; value: string }
  | { property: string; value: string };

/** Which images, in which order, and which part of them. */
export interface ImageListing {
  /** All of them hold. */
  filters: readonly ImageFilter[];
  /** Without it those of the community are left out that belong to other projects. */
  visibility?: ImageVisibility | 'all' | undefined;
  sort: readonly ImageSort[];
  /** The image after which the part begins; it must be in the listing. */
  marker?: string | undefined;
  limit: number;
}

const columns = `id::text, name, owner, visibility, status, size, min_disk as "minDisk", min_ram as "minRam", disk_format as "diskFormat",
  container_format as "containerFormat", checksum, os_hash_algo as "osHashAlgo", os_hash_value as "osHashValue", properties,
  created_at as "createdAt", updated_at as "updatedAt"`;

/**
 * SQL of the one rule that says whether an image may be shown, listed and booted: an admin sees all, others those that are public or of the community, and
 * those of their project. Shared ones have no members yet.
 * @param seesAll SQL of a boolean.
 * @param project SQL of the viewer's project.
 */
export function imageVisible(seesAll: string, project: string): string {
  return `(${seesAll} or visibility in ('public', 'community') or owner = ${project})`;
}

const visible = imageVisible(':sees_all', ':project_id');

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Finds an image; none when it does not exist for the viewer, or the id is not a uuid. */
export async function findImage(api: Database, id: string, viewer: ImageViewer): Promise<Image | undefined> {
  if (!uuid.test(id)) return undefined;
  const rows = await query<Image>(api, `select ${columns} from images where id = :id::uuid and ${visible}`, {
    id,
    project_id: viewer.projectId,
    sees_all: viewer.seesAll,
  });
  return rows[0];
}

/** Lists the images that the viewer sees; none when the marker is not among them. */
export async function listImages(api: Database, listing: ImageListing, viewer: ImageViewer): Promise<Image[]> {
  const order = [...listing.sort.map(({ key, direction }) => `${key} ${direction}`), 'id asc'].join(', ');
  const conditions = listing.filters.map((filter, index) => condition(filter, `filter${index}`));
  return query<Image>(
    api,
    `with listed as (
       select *, row_number() over (order by ${order}) as position from images
       where ${[visible, listed, ...conditions.map(({ sql }) => sql)].join(' and ')})
     select ${columns} from listed
     where :marker::text is null or position > (select position from listed where id::text = :marker::text)
     order by position limit :limit`,
    {
      project_id: viewer.projectId,
      sees_all: viewer.seesAll,
      visibility: listing.visibility ?? null,
      marker: listing.marker ?? null,
      limit: listing.limit,
      ...Object.fromEntries(conditions.map(({ name, value }) => [name, value])),
    },
  );
}

const listed = `case
         when :visibility::text is null then visibility <> 'community' or owner = :project_id
         else :visibility::text in ('all', visibility) end`;

/** SQL of a condition, with its parameter. */
function condition(filter: ImageFilter, name: string): { sql: string; name: string; value: Parameter } {
  if ('text' in filter) {
    return { sql: `${filter.text}::text in (select jsonb_array_elements_text(:${name}::jsonb))`, name, value: filter.oneOf };
  }
  if ('number' in filter) return { sql: `${filter.number} ${filter.comparison} :${name}::bigint`, name, value: filter.value };
  if ('time' in filter) {
    return { sql: `date_trunc('second', ${filter.time}) ${filter.comparison} :${name}::timestamptz`, name, value: filter.value };
  }
  return { sql: `properties @> :${name}::jsonb`, name, value: { [filter.property]: filter.value } };
}

/** Creates the image unless its id exists; an existing one stays as it is. */
export async function ensureImage(api: Database, image: NewImage): Promise<void> {
  await query(
    api,
    `insert into images (id, name, owner, visibility, status, size, min_disk, min_ram, disk_format, container_format, checksum,
       os_hash_algo, os_hash_value, properties)
     values (:id::uuid, :name, :owner, :visibility, :status, :size, :min_disk, :min_ram, :disk_format, :container_format, :checksum,
       :os_hash_algo, :os_hash_value, :properties::jsonb)
     on conflict (id) do nothing`,
    {
      id: image.id,
      name: image.name,
      owner: image.owner,
      visibility: image.visibility,
      status: image.status,
      size: image.size,
      min_disk: image.minDisk,
      min_ram: image.minRam,
      disk_format: image.diskFormat,
      container_format: image.containerFormat,
      checksum: image.checksum,
      os_hash_algo: image.osHashAlgo,
      os_hash_value: image.osHashValue,
      properties: image.properties,
    },
  );
}

/** What may change of an image. */
export interface ImageChange {
  minDisk?: number;
  minRam?: number;
  /** Properties to set. */
  properties?: Readonly<Record<string, string>>;
  /** Keys of properties to take away. */
  without?: readonly string[];
}

/** Changes an image. */
export async function changeImage(
  api: Database,
  id: string,
  { minDisk, minRam, properties = {}, without = [] }: ImageChange,
): Promise<void> {
  await query(
    api,
    `update images set min_disk = coalesce(:min_disk::int, min_disk), min_ram = coalesce(:min_ram::int, min_ram), updated_at = now(),
       properties = (properties - array(select jsonb_array_elements_text(:without::jsonb))) || :properties::jsonb
     where id = :id::uuid`,
    { id, min_disk: minDisk ?? null, min_ram: minRam ?? null, properties, without },
  );
}

/** Removes an image; servers keep what they know of it. */
export async function deleteImage(api: Database, id: string): Promise<void> {
  await query(api, 'delete from images where id = :id::uuid', { id });
}
