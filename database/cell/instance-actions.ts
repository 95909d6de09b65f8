/** What was done to a server and how it went; actions outlive the server they are of. */
import { type Database, query } from '../data-api.ts';

/** An event of an action; times are ISO 8601. */
export interface InstanceActionEvent {
  event: string;
  start_time: string;
  finish_time: string | null;
  result: string | null;
  traceback: string | null;
  host: string | null;
  details: string | null;
}

/** An action with its events. */
export interface InstanceAction {
  action: string;
  instance_uuid: string;
  request_id: string;
  user_id: string;
  project_id: string;
  start_time: string;
  updated_at: string | null;
  message: string | null;
  events: InstanceActionEvent[];
}

/** Gives the actions of a server, newest first. */
export async function listInstanceActions(cell: Database, server: string): Promise<InstanceAction[]> {
  return query<InstanceAction>(
    cell,
    `select action, instance_uuid, request_id, user_id, project_id, start_time, updated_at, message,
       (select coalesce(jsonb_agg(to_jsonb(e) order by e.id), '[]') from instance_actions_events e where action_id = a.id) as events
     from instance_actions a where instance_uuid = :server::uuid order by created_at desc, id desc`,
    { server },
  );
}
