/**
 * Records of what goes on with a server, and the reason of its lock. Who changes them holds the row of their server locked; each query of these functions sees
 * what was committed before it, also by the statement that had the row before.
 */
export const endsOfActions = {
  version: 8,
  name: 'ends-of-actions',
  sql: `
create function end_action(server uuid, request text, name text, failure text, reason text) returns void language sql volatile as $$
  update instance_actions set finish_time = now(), updated_at = now(), message = failure
  where instance_uuid = server and request_id = request and action = name;
  update instance_actions_events e set finish_time = now(), updated_at = now(), result = coalesce(failure, 'Success'), details = reason
  from instance_actions a
  where a.instance_uuid = server and a.request_id = request and a.action = name and e.action_id = a.id and e.finish_time is null;
$$;

create function set_locked_reason(server uuid, reason text) returns void language sql volatile as $$
  update instance_system_metadata set deleted = id, deleted_at = now()
  where instance_uuid = server and key = 'locked_reason' and deleted = 0;
  insert into instance_system_metadata (instance_uuid, key, value) select server, 'locked_reason', reason where reason is not null;
$$;
`,
};
