/**
 * Changes of metadata and tags. Who changes them holds the row of their server locked, and then reads and writes them by these functions, each query of
 * which sees what was committed before it: of two changes at once the later one works on what the first one left. The row notes the request that changed
 * them last, so that a statement that is sent twice knows its own work.
 */

const column = 'add column changed_by text';

export const metadataAndTags = {
  version: 5,
  name: 'metadata-and-tags',
  sql: `
alter table instances ${column};
alter table shadow_instances ${column};

create function metadata_of(server uuid) returns jsonb language sql volatile as $$
  select coalesce(jsonb_object_agg(key, value), '{}') from instance_metadata where instance_uuid = server and deleted = 0;
$$;

create function set_metadata(server uuid, metadata jsonb) returns void language sql volatile as $$
  update instance_metadata set deleted = id, deleted_at = now()
  where instance_uuid = server and deleted = 0 and key not in (select jsonb_object_keys(metadata));
  insert into instance_metadata (instance_uuid, key, value) select server, key, value from jsonb_each_text(metadata)
  on conflict (instance_uuid, key, deleted) do update set value = excluded.value, updated_at = now();
$$;

create function tags_of(server uuid) returns jsonb language sql volatile as $$
  select coalesce(jsonb_agg(tag order by tag), '[]') from tags where resource_id = server;
$$;

create function set_tags(server uuid, given jsonb) returns void language sql volatile as $$
  delete from tags where resource_id = server and tag not in (select jsonb_array_elements_text(given));
  insert into tags (resource_id, tag) select server, jsonb_array_elements_text(given) on conflict do nothing;
$$;
`,
};
