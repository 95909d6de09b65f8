/** Which hosts belong to which cell. */
import { type Database, query } from '../../data-api/client.ts';

/** A host of a cell. */
export interface HostMapping {
  host: string;
  /** Name and uuid of its cell. */
  cell: string;
  cell_uuid: string;
}

/** Hosts that one answer of the Data API holds in any case. */
const page = 1_000;

/** Returns the hosts of a cell, or (null) of all cells, by name. */
export async function listHostMappings(api: Database, cell: string | null): Promise<HostMapping[]> {
  const hosts: HostMapping[] = [];
  for (;;) {
    const rows = await query<HostMapping>(
      api,
      `select host, c.name as cell, c.uuid as cell_uuid from host_mappings h join cell_mappings c on c.id = h.cell_id
       where host > :after and (:cell::uuid is null or c.uuid = :cell::uuid) order by host limit ${page}`,
      { after: hosts.at(-1)?.host ?? '', cell },
    );
    hosts.push(...rows);
    if (rows.length < page) return hosts;
  }
}

/** Finds the mapping of a host. */
export async function findHostMapping(api: Database, host: string): Promise<HostMapping | undefined> {
  const [row] = await query<HostMapping>(
    api,
    `select host, c.name as cell, c.uuid as cell_uuid from host_mappings h join cell_mappings c on c.id = h.cell_id where host = :host`,
    { host },
  );
  return row;
}

/**
 * Takes a host out of its cell, and what placement knows of it with it; unless it has claims. Those of deleted servers that it has yet to end go with it.
 * @returns false when it has others.
 */
export async function removeHost(api: Database, host: string): Promise<boolean> {
  const rows = await query(
    api,
    `with provider as (select id from resource_providers where name = :host),
     held as (
       select a.id, a.consumer_id, coalesce(m.queued_for_delete, false) as ending
       from provider join allocations a on a.resource_provider_id = provider.id left join instance_mappings m on m.instance_uuid = a.consumer_id),
     claims as (select id from held where not ending limit 1),
     cleanups_gone as (
       delete from pending_cleanups p using instance_mappings m
       where m.instance_uuid = p.instance_uuid and m.cell_id = p.cell_id and p.instance_uuid in (select consumer_id from held where ending)
         and not exists (select from claims)
       returning p.instance_uuid),
     allocations_gone as (
       delete from allocations where id in (select id from held where ending) and not exists (select from claims)
         and (select count(*) from cleanups_gone) >= 0),
     gone as (delete from host_mappings where host = :host and not exists (select from claims)),
     inventories_gone as (
       delete from inventories where resource_provider_id in (select id from provider) and not exists (select from claims)),
     provider_gone as (delete from resource_providers where id in (select id from provider) and not exists (select from claims))
     select id from claims`,
    { host },
  );
  return rows.length === 0;
}
