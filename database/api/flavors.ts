/** Flavors, as operators offer them. Private ones are seen by admins and by the projects they are shared with. */
import { type Database, query } from '../data-api.ts';

/** A flavor by its public id `flavorid`. Sizes: memory_mb and swap in MiB, root_gb and ephemeral_gb in GiB. */
export interface Flavor {
  id: number;
  flavorid: string;
  name: string;
  memory_mb: number;
  vcpus: number;
  root_gb: number;
  ephemeral_gb: number;
  swap: number;
  rxtx_factor: number;
  disabled: boolean;
  is_public: boolean;
  description: string | null;
  extra_specs: Record<string, string>;
}

/** A flavor before it has a row. */
export type NewFlavor = Omit<Flavor, 'id' | 'disabled' | 'extra_specs'>;

/** SQL of a flavor's columns, over `flavors f`. */
export const flavorColumns = `
  f.id, flavorid, f.name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, rxtx_factor, f.disabled, is_public, f.description,
  (select coalesce(jsonb_object_agg(key, value), '{}') from flavor_extra_specs where flavor_id = f.id) as extra_specs`;

/** SQL that is true of the flavors a project may see; a null project sees all. */
export const flavorVisible = `
  (:project_id::text is null or is_public or exists (select from flavor_projects where flavor_id = f.id and project_id = :project_id))`;

/** Which flavors to list. */
export interface FlavorFilter {
  /** The project that asks; null sees all. */
  projectId: string | null;
  /** Public ones, private ones, or both (null). */
  isPublic: boolean | null;
  minDisk: number;
  minRam: number;
  sortKey: 'flavorid' | 'name' | 'memory_mb' | 'vcpus' | 'root_gb' | 'created_at';
  sortDirection: 'asc' | 'desc';
  marker: string | null;
  limit: number;
}

/** Gives a page of flavors, or undefined when the marker is no flavor. */
export async function listFlavors(api: Database, filter: FlavorFilter): Promise<Flavor[] | undefined> {
  const rows = await query<Flavor & { position: number; marker_position: number | null }>(
    api,
    `with listed as (
       select ${flavorColumns}, row_number() over (order by f.${filter.sortKey} ${filter.sortDirection}, f.id) as position
       from flavors f
       where ${flavorVisible} and (:is_public::boolean is null or is_public = :is_public) and not f.disabled
         and root_gb >= :min_disk and memory_mb >= :min_ram),
     marker as (select position from listed where flavorid = :marker)
     select listed.*, (select position from marker) as marker_position from listed
     where :marker::text is null or position > (select position from marker) or flavorid = :marker
     order by position limit :limit::int + case when :marker::text is null then 0 else 1 end`,
    {
      project_id: filter.projectId,
      is_public: filter.isPublic,
      min_disk: filter.minDisk,
      min_ram: filter.minRam,
      marker: filter.marker,
      limit: filter.limit,
    },
  );
  if (filter.marker === null) return rows;
  return rows.length === 0 ? undefined : rows.filter(({ flavorid }) => flavorid !== filter.marker);
}

/** Gives a flavor that the project may see. */
export async function findFlavor(api: Database, flavorId: string, projectId: string | null): Promise<Flavor | undefined> {
  const [flavor] = await query<Flavor>(api, `select ${flavorColumns} from flavors f where flavorid = :flavor_id and ${flavorVisible}`, {
    flavor_id: flavorId,
    project_id: projectId,
  });
  return flavor;
}

/** Adds a flavor, unless one with its id or its name exists: then it gives undefined. */
export async function createFlavor(api: Database, flavor: NewFlavor): Promise<Flavor | undefined> {
  const [row] = await query<Flavor>(
    api,
    `insert into flavors as f (flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, rxtx_factor, is_public, description)
     values (:flavorid, :name, :memory_mb::int, :vcpus::int, :root_gb::int, :ephemeral_gb::int, :swap::int, :rxtx_factor::float8, :is_public,
       :description)
     on conflict do nothing
     returning ${flavorColumns}`,
    { ...flavor },
  );
  return row;
}

/** Removes a flavor; servers keep their copy of it. */
export async function deleteFlavor(api: Database, flavorId: string): Promise<boolean> {
  const rows = await query(api, 'delete from flavors where flavorid = :flavor_id returning id', { flavor_id: flavorId });
  return rows.length > 0;
}
