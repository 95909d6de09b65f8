/** What the reaper looks at and removes in a cell. */
import { type Database, query } from '../data-api.ts';

/** How far a server is. */
export interface InstanceState {
  uuid: string;
  vm_state: string;
  host: string | null;
  deleted: boolean;
}

/** Gives the states of those servers that the cell holds, deleted ones too. */
export async function findInstanceStates(cell: Database, servers: readonly string[]): Promise<InstanceState[]> {
  return query<InstanceState>(
    cell,
    `select uuid, vm_state, host, deleted <> 0 as deleted from instances
     where uuid = any (array(select jsonb_array_elements_text(:servers::jsonb)::uuid))`,
    { servers },
  );
}

/** Tables with rows of a server by its `instance_uuid`; its actions and tags have keys of their own. */
export const relations = [
  'instance_extra',
  'instance_info_caches',
  'instance_faults',
  'instance_metadata',
  'instance_system_metadata',
  'block_device_mapping',
  'security_group_instance_association',
  'migrations',
];

/**
 * Removes servers from the cell without a trace. Only for rows that no mapping ever pointed to: nobody has seen them.
 */
export async function purgeInstances(cell: Database, servers: readonly string[]): Promise<void> {
  const asked = 'select jsonb_array_elements_text(:servers::jsonb)::uuid';
  const ctes = relations.map((table) => `${table}_gone as (delete from ${table} where instance_uuid in (${asked}))`);
  await query(
    cell,
    `with ${ctes.join(',\n')},
     tags_gone as (delete from tags where resource_id in (${asked})),
     events_gone as (
       delete from instance_actions_events where action_id in (select id from instance_actions where instance_uuid in (${asked}))),
     actions_gone as (delete from instance_actions where instance_uuid in (${asked}))
     delete from instances where uuid in (${asked})`,
    { servers },
  );
}
