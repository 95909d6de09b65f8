/**
 * Images that tasks of servers make: snapshots and backups. One is queued by the statement that notes the server for the reaper (servers/queue-snapshot.ts), and
 * belongs to its task, by the server and the request, until it is active. Who removes the note of a server removes its queued images, so none is left.
 */
import { type Database, type Parameter, query } from '../data-api/client.ts';
import type { TaskName } from '../servers/task.ts';

/** What a host has put into an image. */
export interface SnapshotContent {
  /** In bytes. */
  size: number;
  /** MD5, in hex. */
  checksum: string;
  disk_format: string;
  properties: Record<string, string>;
}

/** Which task makes an image. */
export type SnapshotTask = Pick<TaskName, 'server' | 'request_id'>;

/** The queued image of a task. */
const ofTask = `instance_uuid = :server::uuid and request_id = :request_id and status = 'queued'`;

const taskParameters = ({ server, request_id }: SnapshotTask): Record<string, Parameter> => ({ server, request_id });

/**
 * Makes the image of a task active, and removes the oldest backups of its kind beyond those that the server keeps; with a rotation of 0 this is the image itself,
 * as in Nova. An image that is active already, or that was deleted, stays so.
 */
export async function activateSnapshot(api: Database, task: SnapshotTask, content: SnapshotContent): Promise<void> {
  await query(
    api,
    `with
     -- The image, while it belongs to the task.
     made as (select id, owner, instance_uuid, rotation, properties from images where ${ofTask} for update),
     -- The backups beyond those that are kept; the new one counts.
     excess as (
       select i.id from made join images i on i.owner = made.owner and i.properties @> jsonb_build_object(
         'image_type', 'backup', 'backup_type', made.properties->'backup_type', 'instance_uuid', made.instance_uuid::text)
       where made.rotation is not null
       order by i.created_at desc, i.id desc offset (select rotation from made)),
     active as (
       update images i set status = 'active', size = :size::bigint, checksum = :checksum, disk_format = :disk_format,
         container_format = coalesce(i.container_format, 'bare'), properties = i.properties || :properties::jsonb, updated_at = now()
       from made where i.id = made.id and i.id not in (select id from excess))
     delete from images where id in (select id from excess)`,
    { ...taskParameters(task), ...content },
  );
}

/** Removes the image of a task that failed, unless it is active. */
export async function removeSnapshot(api: Database, task: SnapshotTask): Promise<void> {
  await query(api, `delete from images where ${ofTask}`, taskParameters(task));
}

/**
 * Returns SQL that removes the images of servers that no task makes any more.
 * @param servers SQL of a selection of their uuids.
 */
export function removeSnapshotsOf(servers: string): string {
  return `delete from images where status = 'queued' and instance_uuid in (${servers})`;
}
