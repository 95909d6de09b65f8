/** Flavors, as operators offer them. Private ones are seen by admins and by the projects they are shared with. */
import { type Database, query, queryDocuments } from '../data-api/client.ts';

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

/** SQL of the columns of a flavor, a row of flavors. */
export const flavorColumns = (f: string) => `
  ${f}.id, ${f}.flavorid, ${f}.name, ${f}.memory_mb, ${f}.vcpus, ${f}.root_gb, ${f}.ephemeral_gb, ${f}.swap, ${f}.rxtx_factor, ${f}.disabled,
  ${f}.is_public, ${f}.description,
  (select coalesce(jsonb_object_agg(key, value), '{}') from flavor_extra_specs where flavor_id = ${f}.id) as extra_specs`;

/** SQL that is true of the flavors, rows of flavors, that the project `:project_id` may see; null sees all. */
export const flavorVisible = (f: string) => `
  (:project_id::text is null or ${f}.is_public or exists (select from flavor_projects where flavor_id = ${f}.id and project_id = :project_id))`;

/** What flavors can be listed by. */
export const flavorSortKeys = [
  ...(['created_at', 'description', 'disabled', 'ephemeral_gb', 'flavorid', 'id', 'is_public', 'memory_mb', 'name', 'root_gb'] as const),
  ...(['rxtx_factor', 'swap', 'updated_at', 'vcpus'] as const),
];

/** Which flavors to list. */
export interface FlavorFilter {
  /** The project that asks. */
  projectId: string;
  /** Whether it sees private flavors that are not shared with it, and disabled ones. */
  seesAll: boolean;
  /** Public ones with those shared with the project, private ones, or both (null). */
  isPublic: boolean | null;
  minDisk: number;
  minRam: number;
  sortKey: (typeof flavorSortKeys)[number];
  sortDirection: 'asc' | 'desc';
  /** Read on after this flavor, whether it is listed itself or not. */
  marker: string | null;
  limit: number;
}

/** Returns a page of flavors, or undefined when the marker is no flavor that the project sees. */
export async function listFlavors(api: Database, filter: FlavorFilter): Promise<Flavor[] | undefined> {
  const flavors: Flavor[] = [];
  for (let { marker } = filter; ; ) {
    const { documents, truncated } = await readFlavors(api, { ...filter, marker, limit: filter.limit - flavors.length });
    const header = documents.get('header');
    documents.delete('header');
    if (!header || !('markerFound' in header && header.markerFound)) return undefined;
    flavors.push(...(documents as Map<string, Flavor>).values());
    if (!truncated) return flavors;
    marker = flavors.at(-1)?.flavorid ?? null;
  }
}

/** Descriptions and extra specs make flavors larger than a row of the Data API may be. */
function readFlavors(api: Database, { sortKey, sortDirection, marker, ...filter }: FlavorFilter) {
  const shared = 'exists (select from flavor_projects where flavor_id = f.id and project_id = :project_id)';
  return queryDocuments<Flavor | { markerFound: boolean }>(
    api,
    `with visible as (
       select f.*, row_number() over (order by f.${sortKey} ${sortDirection}, f.id ${sortDirection}) as position from flavors f
       where :sees_all or is_public or ${shared}),
     marker as (select position from visible where flavorid = :marker),
     page as (
       select f.* from visible f
       where (:sees_all or not disabled) and root_gb >= :min_disk and memory_mb >= :min_ram
         and (:is_public::boolean is null or is_public = :is_public or (:is_public and ${shared}))
         ${marker === null ? '' : 'and position > (select position from marker)'}
       order by position limit :limit)
     select 'header' as key, jsonb_build_object('markerFound', ${marker === null ? 'true' : 'exists (select from marker)'}) as doc, 0 as position
     union all
     select 'flavor ' || flavorid, (select to_jsonb(shown) from (select ${flavorColumns('f')}) shown), position from page f`,
    {
      project_id: filter.projectId,
      sees_all: filter.seesAll,
      is_public: filter.isPublic,
      min_disk: filter.minDisk,
      min_ram: filter.minRam,
      marker,
      limit: filter.limit,
    },
    { order: 'position' },
  );
}

/** Returns a flavor that the project may see; a null project sees all. */
export async function findFlavor(api: Database, flavorId: string, projectId: string | null): Promise<Flavor | undefined> {
  const { documents } = await queryDocuments<Flavor>(
    api,
    `select flavorid as key, (select to_jsonb(shown) from (select ${flavorColumns('f')}) shown) as doc from flavors f
     where flavorid = :flavor_id and ${flavorVisible('f')}`,
    { flavor_id: flavorId, project_id: projectId },
  );
  return documents.get(flavorId);
}

/**
 * Adds a flavor, unless one with its id or its name exists: then it returns undefined.
 * @param requestId shows a statement that is sent twice that the flavor is there because of itself; null for one that no request makes.
 */
export async function createFlavor(api: Database, flavor: NewFlavor, requestId: string | null): Promise<Flavor | undefined> {
  const [row] = await query<{ id: number }>(
    api,
    `with made as (
       insert into flavors (flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, rxtx_factor, is_public, description, request_id)
       values (:flavorid, :name, :memory_mb::int, :vcpus::int, :root_gb::int, :ephemeral_gb::int, :swap::int, :rxtx_factor::float8, :is_public,
         :description, :request_id)
       on conflict do nothing
       returning id)
     select id from made union all select id from flavors where flavorid = :flavorid and request_id = :request_id`,
    { ...flavor, request_id: requestId },
  );
  return row && { ...flavor, id: row.id, disabled: false, extra_specs: {} };
}

/** Removes a flavor; servers keep their copy of it. */
export async function deleteFlavor(api: Database, flavorId: string): Promise<void> {
  await query(api, 'delete from flavors where flavorid = :flavor_id', { flavor_id: flavorId });
}

/** What may change of a flavor. */
export interface FlavorChange {
  /** Extra specs to set. */
  specs?: Readonly<Record<string, string>>;
  /** Keys of extra specs to take away. */
  without?: readonly string[];
  /** Id of a project, and whether it may use the flavor. */
  access?: { project: string; allowed: boolean };
}

/** Changes a flavor. */
export async function changeFlavor(api: Database, flavorId: string, { specs = {}, without = [], access }: FlavorChange): Promise<void> {
  await query(
    api,
    `with flavor as (select id from flavors where flavorid = :flavor_id),
     taken as (
       delete from flavor_extra_specs using flavor
       where flavor_id = flavor.id and key in (select jsonb_array_elements_text(:without::jsonb))),
     given as (
       insert into flavor_extra_specs (flavor_id, key, value) select id, key, value from flavor cross join lateral jsonb_each_text(:specs::jsonb)
       on conflict (flavor_id, key) do update set value = excluded.value, updated_at = now()),
     shut as (
       delete from flavor_projects using flavor
       where flavor_id = flavor.id and project_id = :project::text and not :allowed::boolean)
     insert into flavor_projects (flavor_id, project_id) select id, :project::text from flavor where :allowed::boolean
     on conflict (flavor_id, project_id) do nothing`,
    { flavor_id: flavorId, specs, without, project: access?.project ?? null, allowed: access?.allowed ?? null },
  );
}

/** Returns the public id of the flavor that has this id or, failing that, this name. */
export async function findFlavorId(api: Database, idOrName: string): Promise<string | undefined> {
  const [row] = await query<{ flavorid: string }>(
    api,
    'select flavorid from flavors where flavorid = :flavor or name = :flavor order by flavorid = :flavor desc limit 1',
    { flavor: idOrName },
  );
  return row?.flavorid;
}
