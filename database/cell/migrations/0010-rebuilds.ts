/**
 * Rebuilds. What Nova keeps of a server's image stands in its system metadata, and how often it was rebuilt follows from its actions. Who asks holds the row
 * of the server locked, and sees what was committed before.
 */
export const rebuilds = {
  version: 10,
  name: 'rebuilds',
  sql: `
create function set_image_metadata(server uuid, metadata jsonb) returns void language sql volatile as $$
  update instance_system_metadata set deleted = id, deleted_at = now()
  where instance_uuid = server and deleted = 0 and starts_with(key, 'image_');
  insert into instance_system_metadata (instance_uuid, key, value) select server, key, value from jsonb_each_text(metadata);
$$;

create function count_rebuilds(server uuid) returns integer language sql volatile as $$
  select count(*)::int from instance_actions where instance_uuid = server and action = 'rebuild';
$$;
`,
};
