/** The first statement of an action that makes an image: the server is noted for the reaper, and its image queued. */
import type { Database } from '../../data-api/client.ts';
import { findInstanceMappingToChange, type NotedMapping } from './instance-mappings.ts';

/** An image that a task shall make of a server. */
export interface NewSnapshot {
  /** A uuid. */
  id: string;
  name: string;
  /** With the server, the task that makes it. */
  requestId: string;
  /** The project that gets it. */
  owner: string;
  type: 'snapshot' | 'backup';
  /** What it has beside what it inherits; these win. */
  properties: Readonly<Record<string, string>>;
  /** How many backups of its kind the server keeps; null for all. */
  rotation: number | null;
  /** Names of properties that are not inherited beside those that never are. */
  notInherited: readonly string[];
  /** How many items of metadata an image may have where the project has no limit of its own. */
  defaultMetadataItems: number;
}

/** A server that an image shall be made of. */
export interface ServerToSnapshot extends NotedMapping {
  /** The limit of its project's metadata items; -1 is unlimited. */
  metadataItems: number;
  /** How many properties the image has. */
  properties: number;
}

/** What Nova never inherits; neither does it what begins with `os_glance`. */
const neverInherited = [
  ...['cinder_encryption_key_id', 'cinder_encryption_key_deletion_policy'],
  ...['img_signature', 'img_signature_hash_method', 'img_signature_key_type', 'img_signature_certificate_uuid'],
];

/**
 * Returns the mapping of a server, as findInstanceMappingToChange does, and queues an image that inherits from the server's own, as in Nova. A server without a
 * cell gets none. The host knows the formats of a snapshot, so it has none yet.
 * @param projectId restricts to a project; null sees all.
 */
export function findInstanceMappingToSnapshot(
  api: Database,
  uuid: string,
  projectId: string | null,
  { id, name, requestId, owner, type, properties, rotation, notInherited, defaultMetadataItems }: NewSnapshot,
): Promise<ServerToSnapshot | undefined> {
  return findInstanceMappingToChange(api, uuid, projectId, {
    ctes: `,
       -- What the image has of the one that the server was made from, as that was then. A rebuild changes the base of its images, too.
       planned as (
         select found.instance_uuid, found.project_id, spec->'inherited' as inherited, spec->'flavor' as flavor,
           jsonb_strip_nulls(jsonb_build_object('base_image_ref', spec->'image'->'id',
             'owner_user_name', (select name from users where id = found.user_id),
             'owner_project_name', (select name from projects where id = found.project_id)))
           || (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(coalesce(spec->'image'->'properties', '{}'))
               where key not in (select jsonb_array_elements_text(:not_inherited::jsonb)) and key not like 'os\\_glance%'
                 and not (key = 'base_image_ref' and spec ? 'rebuilds'))
           || jsonb_build_object('instance_uuid', found.instance_uuid) || :properties::jsonb as properties
         from found left join request_specs using (instance_uuid) where found.cell_id is not null),
       -- The image itself, which a task of the server makes.
       queued as (
         insert into images (id, name, owner, visibility, status, min_disk, min_ram, disk_format, container_format, properties,
           instance_uuid, request_id, rotation)
         select :id::uuid, :name, :owner, case when project_id = :owner then 'private' else 'shared' end, 'queued',
           greatest((inherited->>'min_disk')::int, (flavor->>'root_gb')::int, 0), coalesce((inherited->>'min_ram')::int, 0),
           case when :with_formats then inherited->>'disk_format' end, case when :with_formats then inherited->>'container_format' end, properties,
           instance_uuid, :request_id, :rotation::bigint
         from planned
         on conflict (id) do nothing)`,
    sql: `jsonb_build_object('metadataItems', quota_limit(:owner, 'metadata_items', :default_metadata_items::int),
       'properties', (select count(*) from planned, jsonb_object_keys(properties)))`,
    parameters: {
      ...{ id, name, request_id: requestId, owner, rotation, properties, with_formats: type === 'backup' },
      ...{ not_inherited: [...neverInherited, ...notInherited], default_metadata_items: defaultMetadataItems },
    },
  });
}
