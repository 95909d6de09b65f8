/** What was done to a server and how it went; actions outlive the server they are of. */
import { type Database, query, queryDocuments } from '../data-api/client.ts';

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

/** An action; times are ISO 8601. */
export interface InstanceAction {
  action: string;
  instance_uuid: string;
  request_id: string;
  /** Who asked for it; null for what nobody asked for. */
  user_id: string | null;
  project_id: string | null;
  start_time: string;
  updated_at: string | null;
  message: string | null;
}

/** Which actions to list: those that changed in a time (inclusive, by the milliseconds in which times are shown), after the one of a request, at most `limit`. */
export interface ActionFilter {
  since: string | null;
  before: string | null;
  marker: string | null;
  limit: number;
}

const columns = 'action, instance_uuid, request_id, user_id, project_id, start_time, updated_at, message';

/** Returns the actions of a server, newest first; undefined when the marker is none of them. */
export async function listInstanceActions(cell: Database, server: string, filter: ActionFilter): Promise<InstanceAction[] | undefined> {
  const rows = await query<InstanceAction & { is_marker: boolean }>(
    cell,
    `with marker as (
       select id, created_at from instance_actions where instance_uuid = :server::uuid and request_id = :marker
       order by created_at desc, id desc limit 1)
     select ${columns}, id in (select id from marker) as is_marker from instance_actions
     where instance_uuid = :server::uuid and (
       id in (select id from marker)
       or (:marker::text is null or (created_at, id) < (select created_at, id from marker))
         and (:since::timestamptz is null or coalesce(updated_at, created_at) >= :since::timestamptz)
         and (:before::timestamptz is null or date_trunc('milliseconds', coalesce(updated_at, created_at)) <= :before::timestamptz))
     order by created_at desc, id desc limit :limit::int + case when :marker::text is null then 0 else 1 end`,
    { server, ...filter },
  );
  if (filter.marker !== null && !rows[0]?.is_marker) return undefined;
  return rows.filter(({ is_marker }) => !is_marker).map(({ is_marker: _, ...action }) => action);
}

/** An action with its events, newest first. */
export interface WholeInstanceAction {
  action: InstanceAction;
  events: InstanceActionEvent[];
}

const whole = `
  select a.id as key, jsonb_build_object(
    'action', (select to_jsonb(shown) from (select ${columns}) shown),
    'events', (
      select coalesce(jsonb_agg(to_jsonb(e) order by e.created_at desc, e.id desc), '[]') from instance_actions_events e
      where action_id = a.id)) as doc, a.created_at, a.id
  from instance_actions a where instance_uuid = :server::uuid`;

const newestFirst = { order: 'created_at desc, id desc' };

/** Returns the action of a request on a server. */
export async function findInstanceAction(cell: Database, server: string, requestId: string): Promise<WholeInstanceAction | undefined> {
  const { documents } = await queryDocuments<WholeInstanceAction>(
    cell,
    `${whole} and request_id = :request_id order by a.created_at desc, a.id desc limit 1`,
    { server, request_id: requestId },
    newestFirst,
  );
  return documents.values().next().value;
}

/** Returns the latest actions of a server, newest first, as many as fit one answer. */
export async function latestInstanceActions(cell: Database, server: string): Promise<WholeInstanceAction[]> {
  const { documents } = await queryDocuments<WholeInstanceAction>(
    cell,
    `${whole} order by a.created_at desc, a.id desc`,
    { server },
    newestFirst,
  );
  return [...documents.values()];
}

/** Who changes a server, and in which request. */
export interface ChangedBy {
  requestId: string;
  userId: string;
  projectId: string;
}

/** The record of an action that is over as soon as it is accepted, for the servers of a CTE `(uuid)`. */
export function recordAction(action: string, changed: string): string {
  return `
     -- Its record among the server's actions.
     action as (
       insert into instance_actions (instance_uuid, action, request_id, user_id, project_id, start_time, finish_time, updated_at)
       select uuid, '${action}', :request_id, :user_id, :project_id, now(), now(), now() from ${changed}
       on conflict do nothing
       returning id)`;
}
