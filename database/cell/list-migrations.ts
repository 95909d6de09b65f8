/** The migrations of a cell, as operators list them. */
import { type Database, query } from '../data-api/client.ts';
import type { MigrationStatus, MigrationType } from '../servers/move.ts';

/** A migration; times are ISO 8601. */
export interface Migration {
  id: number;
  uuid: string;
  instance_uuid: string;
  status: MigrationStatus;
  migration_type: MigrationType;
  source_compute: string | null;
  dest_compute: string | null;
  source_node: string | null;
  dest_node: string | null;
  old_instance_type_id: number | null;
  new_instance_type_id: number | null;
  user_id: string | null;
  project_id: string | null;
  created_at: string;
  updated_at: string | null;
}

/** Where a page begins: after the migration that was made then, with this uuid. */
export interface MigrationMarker {
  created_at: string;
  uuid: string;
}

/** Which migrations to list; null and empty lists restrict nothing. Times are inclusive. */
export interface MigrationFilter {
  statuses: readonly string[];
  /** One of both hosts. */
  host: string | null;
  source_compute: string | null;
  migration_type: string | null;
  instance_uuid: string | null;
  user_id: string | null;
  project_id: string | null;
  since: string | null;
  before: string | null;
  after: MigrationMarker | null;
  limit: number;
}

const columns = `id, uuid, instance_uuid, status, migration_type, source_compute, dest_compute, source_node, dest_node,
  (old_flavor->>'id')::int as old_instance_type_id, (new_flavor->>'id')::int as new_instance_type_id, user_id, project_id, created_at, updated_at`;

/** Returns migrations, the latest first; those of deleted servers are not listed, as in Nova. */
export async function listMigrations(cell: Database, filter: MigrationFilter): Promise<Migration[]> {
  const { after, statuses, ...others } = filter;
  return query<Migration>(
    cell,
    `select ${columns} from migrations
     where deleted = 0 and not hidden
       and (:statuses::jsonb = '[]' or status in (select jsonb_array_elements_text(:statuses::jsonb)))
       and (:host::text is null or :host in (source_compute, dest_compute))
       and (:source_compute::text is null or source_compute = :source_compute)
       and (:migration_type::text is null or migration_type = :migration_type)
       and (:instance_uuid::text is null or instance_uuid::text = :instance_uuid)
       and (:user_id::text is null or user_id = :user_id)
       and (:project_id::text is null or project_id = :project_id)
       and (:since::timestamptz is null or coalesce(updated_at, created_at) >= :since::timestamptz)
       and (:before::timestamptz is null or coalesce(updated_at, created_at) <= :before::timestamptz)
       and (:after_time::timestamptz is null or (created_at, uuid) < (:after_time::timestamptz, :after_uuid::uuid))
     order by created_at desc, uuid desc limit :limit::int`,
    { ...others, statuses, after_time: after?.created_at ?? null, after_uuid: after?.uuid ?? null },
  );
}

/** Returns where the page after a migration begins; undefined when the cell does not have it. */
export async function findMigrationMarker(cell: Database, uuid: string): Promise<MigrationMarker | undefined> {
  const [marker] = await query<MigrationMarker>(
    cell,
    'select uuid, created_at from migrations where uuid::text = :uuid and deleted = 0 and not hidden',
    { uuid },
  );
  return marker;
}
