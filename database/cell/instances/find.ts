/** Servers as a cell has them, whole, in the shape in which they were accepted. */
import { type Database, queryDocuments } from '../../data-api/client.ts';
import type { DocumentFilter, Instance } from '../../servers/document.ts';

/** Of a server whose flavor is lost, its sizes are known. */
const flavorOfRow = (i: string) => `jsonb_build_object('flavorid', '', 'name', '', 'memory_mb', ${i}.memory_mb, 'vcpus', ${i}.vcpus,
      'root_gb', ${i}.root_gb, 'ephemeral_gb', ${i}.ephemeral_gb, 'swap', 0, 'extra_specs', jsonb_build_object())`;

/** Returns SQL of the document of a server, a row of instances. */
export const instanceDocument = (i: string) => `
  to_jsonb(${i}) - 'secrets' || jsonb_build_object(
    'flavor', coalesce((select flavor from instance_extra where instance_uuid = ${i}.uuid), ${flavorOfRow(i)}),
    'trusted_certs', (select trusted_certs from instance_extra where instance_uuid = ${i}.uuid),
    'request_spec', (select request_spec from instance_extra where instance_uuid = ${i}.uuid),
    'metadata', (select coalesce(jsonb_object_agg(key, value), '{}') from instance_metadata where instance_uuid = ${i}.uuid and deleted = 0),
    'system_metadata',
      (select coalesce(jsonb_object_agg(key, value), '{}') from instance_system_metadata where instance_uuid = ${i}.uuid and deleted = 0),
    'tags', (select coalesce(jsonb_agg(tag order by tag), '[]') from tags where resource_id = ${i}.uuid),
    'block_device_mappings',
      (select coalesce(jsonb_agg(to_jsonb(b) order by b.id), '[]') from block_device_mapping b where instance_uuid = ${i}.uuid and deleted = 0),
    'security_groups', (
      select coalesce(jsonb_agg(g.name order by g.name), '[]') from security_group_instance_association a
      join security_groups g on g.id = a.security_group_id where a.instance_uuid = ${i}.uuid and a.deleted = 0),
    -- Hosts do not report yet, so one that is neither forced down nor disabled is up.
    'host_status', coalesce((
      select case when forced_down then 'DOWN' when disabled then 'MAINTENANCE' else 'UP' end from services s
      where s.host = ${i}.host and "binary" = 'nova-compute' and s.deleted = 0), ''),
    'fault', (
      select to_jsonb(f) from instance_faults f where instance_uuid = ${i}.uuid and deleted = 0 order by created_at desc, id desc limit 1))`;

/** Returns SQL of the document of a server as its host must know it. */
export const guestDocument = (i: string) => `${instanceDocument(i)} || jsonb_build_object('secrets', ${i}.secrets)`;

const conditions = {
  living: 'i.deleted = 0',
  listed: `i.deleted = 0 and i.vm_state <> 'soft-delete'`,
  deleted: `(i.deleted <> 0 or i.vm_state = 'soft-delete')`,
  all: 'true',
};

/** Returns the servers that are in this cell among those asked for, by uuid, that match the filter: living ones, those of them that are listed, deleted and soft-deleted ones, or all. */
export async function findInstances(
  cell: Database,
  uuids: readonly string[],
  which: keyof typeof conditions = 'living',
  filter?: DocumentFilter,
): Promise<Map<string, Instance>> {
  const found = new Map<string, Instance>();
  for (let wanted = uuids; wanted.length > 0; ) {
    const { documents, truncated } = await queryDocuments<Instance>(
      cell,
      `select key, doc from (
         select i.uuid as key, ${instanceDocument('i')} as doc from instances i
         where i.uuid = any (array(select jsonb_array_elements_text(:uuids::jsonb)::uuid)) and ${conditions[which]}) servers
       where ${filter?.sql ?? 'true'}`,
      { uuids: wanted, ...filter?.parameters },
    );
    for (const [uuid, instance] of documents) found.set(uuid, instance);
    wanted = truncated ? wanted.filter((uuid) => !documents.has(uuid)) : [];
  }
  return found;
}
