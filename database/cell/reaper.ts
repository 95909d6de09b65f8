/** What the reaper looks at and removes in a cell. */

import type { ImageOfServer } from '../api/servers/images-of-servers.ts';
import { type Database, query } from '../data-api/client.ts';
import type { InstanceFlavor, VmState } from '../servers/document.ts';
import type { MoveOutcome } from '../servers/move.ts';
import type { FencedServer } from '../servers/ownership.ts';
import type { Task } from '../servers/task.ts';
import { serverTables } from './server-tables.ts';

/** How far a server is. */
export interface InstanceState extends FencedServer {
  vm_state: VmState;
  host: string | null;
  /** Its host is forced down. */
  host_down: boolean;
  task: Task | null;
  /** Its last move; null when it has not moved. */
  last_move: LastMove | null;
  deleted: boolean;
  /** For how many seconds it is deleted or soft-deleted; 0 for others. */
  deleted_for: number;
  /** Its image, once it was rebuilt, and how often it was. */
  rebuilt: Omit<ImageOfServer, 'uuid'> | null;
}

/** The last move of a server. */
export interface LastMove {
  /** uuid of the migration. */
  migration: string;
  /** null while both hosts may have the server. */
  outcome: MoveOutcome | null;
  /** The host where the server is not, by its row. */
  other_host: string | null;
  /** The flavor that the server has. */
  flavor: InstanceFlavor;
}

/** SQL of the last move of a server, a row of instances. */
export const lastMove = (i: string) => `
  select jsonb_build_object('migration', m.uuid, 'outcome', outcome, 'other_host', nullif(case when dest_compute = ${i}.host then source_compute else dest_compute end, ${i}.host),
    'flavor', (select flavor from instance_extra where instance_uuid = ${i}.uuid))
  from migrations m where m.instance_uuid = ${i}.uuid order by m.id desc limit 1`;
/** SQL of what a server `i` has of its image's properties: all that is kept of the image but what is a field of the image itself. */
const imageProperties = `(
  select coalesce(jsonb_object_agg(substr(key, length('image_') + 1), value), '{}') from instance_system_metadata
  where instance_uuid = i.uuid and deleted = 0 and starts_with(key, 'image_')
    and key not in ('image_base_image_ref', 'image_min_disk', 'image_min_ram', 'image_disk_format', 'image_container_format'))`;

/** Returns the states of those servers that the cell holds, deleted ones too. */
export async function findInstanceStates(cell: Database, servers: readonly string[]): Promise<InstanceState[]> {
  return query<InstanceState>(
    cell,
    `select uuid, fencing_token, vm_state, host, task, deleted <> 0 as deleted, (${lastMove('i')}) as last_move,
       coalesce(extract(epoch from now() - deleted_at), 0)::float8 as deleted_for, exists (
         select from services s where s.host = i.host and s."binary" = 'nova-compute' and s.forced_down and s.deleted = 0) as host_down,
       case when rebuilds > 0 and image <> '' then jsonb_build_object(
         'rebuilds', rebuilds, 'image', jsonb_build_object('id', image, 'properties', ${imageProperties})) end as rebuilt
     from instances i cross join lateral (
       select (select count(*) from instance_actions where instance_uuid = i.uuid and action = 'rebuild') as rebuilds,
         (select value from instance_system_metadata where instance_uuid = i.uuid and deleted = 0 and key = 'image_base_image_ref') as image) known
     where uuid = any (array(select jsonb_array_elements_text(:servers::jsonb)::uuid))`,
    { servers },
  );
}

/**
 * Removes orphaned rows of servers from the cell without a trace: those that were written with the server's token or an earlier one. A row that a later
 * owner writes at this moment is waited for and left alone. A row that comes late finds the cell closed: the fence is set first, and the purge sees what was
 * written until then.
 */
export async function purgeInstances(cell: Database, servers: readonly FencedServer[]): Promise<void> {
  await query(cell, 'select fence_instances(:servers::jsonb) is null as done', { servers });
  const orphaned = 'select uuid from orphaned';
  const ctes = serverTables.map((table) => `${table}_gone as (delete from ${table} where instance_uuid in (${orphaned}))`);
  await query(
    cell,
    `with orphaned as (
       select i.uuid from instances i
       join jsonb_to_recordset(:servers::jsonb) as asked (uuid uuid, fencing_token int)
         on asked.uuid = i.uuid and i.fencing_token <= asked.fencing_token
       order by i.uuid for update of i),
     ${ctes.join(',\n')},
     tags_gone as (delete from tags where resource_id in (${orphaned})),
     events_gone as (
       delete from instance_actions_events where action_id in (select id from instance_actions where instance_uuid in (${orphaned}))),
     actions_gone as (delete from instance_actions where instance_uuid in (${orphaned}))
     delete from instances where uuid in (${orphaned})`,
    { servers },
  );
}
