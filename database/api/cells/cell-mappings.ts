/** The register of cells. A cell is its database, so no two of them name the same one. */
import { type Database, query } from '../../data-api/client.ts';

/** A cell as the register knows it. */
export interface CellMapping {
  uuid: string;
  name: string;
  /** Kept and shown for Nova's scripts; there is no message bus here. One that begins with `none` says so. */
  transport_url: string;
  /** `rds-data://<cluster arn>/<database>?secret=<secret arn>` */
  database_connection: string;
  disabled: boolean;
}

/**
 * Registers a cell, or moves its name and connection when it is there already.
 * @returns how many simulated hosts its last deployment asked for: 0 when this call registered it, null when that was never noted.
 */
export async function saveCellMapping(
  api: Database,
  cell: Pick<CellMapping, 'uuid' | 'name' | 'database_connection'>,
): Promise<number | null> {
  const [row] = await query<{ simulated_hosts: number | null }>(
    api,
    `insert into cell_mappings (uuid, name, database_connection, simulated_hosts) values (:uuid::uuid, :name, :connection, 0)
     on conflict (uuid) do update set name = excluded.name, database_connection = excluded.database_connection, updated_at = now()
     returning simulated_hosts`,
    { uuid: cell.uuid, name: cell.name, connection: cell.database_connection },
  );
  return row?.simulated_hosts ?? null;
}

/** Notes how many simulated hosts a deployment of a cell asked for, once they are there. */
export async function noteSimulatedHosts(api: Database, uuid: string, count: number): Promise<void> {
  await query(api, 'update cell_mappings set simulated_hosts = :count where uuid = :uuid::uuid', { uuid, count });
}

/** The columns of a cell's mapping. */
export const cellColumns = 'uuid, name, transport_url, database_connection, disabled';

/** Returns all cells by name, cell0 among them. */
export async function listCellMappings(api: Database): Promise<CellMapping[]> {
  return query<CellMapping>(api, `select ${cellColumns} from cell_mappings order by name, uuid`);
}

/** A CTE with another cell that has the connection, or the transport URL of a real bus. */
const other = `other as (
  select uuid from cell_mappings
  where uuid <> :uuid::uuid and (database_connection = :connection or transport_url = :transport and transport_url not like 'none%') limit 1)`;

/**
 * Registers a new cell. Sent twice, it registers one.
 * @returns uuid of another cell that has its connection or transport URL; then nothing was registered.
 */
export async function createCellMapping(api: Database, cell: CellMapping): Promise<string | undefined> {
  const [row] = await query<{ uuid: string }>(
    api,
    `with ${other},
     made as (
       insert into cell_mappings (uuid, name, transport_url, database_connection, disabled)
       select :uuid::uuid, :name, :transport, :connection, :disabled where not exists (select from other)
       on conflict (uuid) do nothing)
     select uuid from other`,
    { uuid: cell.uuid, name: cell.name, transport: cell.transport_url, connection: cell.database_connection, disabled: cell.disabled },
  );
  return row?.uuid;
}

/**
 * Changes what is given of a cell, and nothing else.
 * @returns uuid of another cell that has the given connection or transport URL; then nothing was changed.
 */
export async function updateCellMapping(
  api: Database,
  uuid: string,
  changes: Partial<Omit<CellMapping, 'uuid'>>,
): Promise<string | undefined> {
  const { name = null, transport_url: transport = null, database_connection: connection = null, disabled = null } = changes;
  const [row] = await query<{ uuid: string }>(
    api,
    `with ${other},
     changed as (
       update cell_mappings set name = coalesce(:name, name), transport_url = coalesce(:transport, transport_url),
         database_connection = coalesce(:connection, database_connection), disabled = coalesce(:disabled::boolean, disabled), updated_at = now()
       where uuid = :uuid::uuid and not exists (select from other))
     select uuid from other`,
    { uuid, name, transport, connection, disabled },
  );
  return row?.uuid;
}

/** What refers to a cell. */
export interface CellContents {
  hosts: number;
  /** Servers that live there, are on their way there, or have claims on its hosts. */
  servers: number;
  /** Deleted servers that the index still has. */
  deleted: number;
}

/** SQL that counts what refers to the cell `c`. */
const contents = `
  (select count(*)::int from host_mappings where cell_id = c.id) as hosts,
  (select count(*)::int from (
    select instance_uuid from instance_mappings where cell_id = c.id and not queued_for_delete
    union select instance_uuid from build_requests where cell_id = c.id
    union select a.consumer_id from host_mappings h join resource_providers p on p.name = h.host
      join allocations a on a.resource_provider_id = p.id where h.cell_id = c.id) living) as servers,
  (select count(*)::int from instance_mappings where cell_id = c.id and queued_for_delete) as deleted`;

/** Returns what refers to a cell; undefined when there is no such cell. */
export async function findCellContents(api: Database, uuid: string): Promise<CellContents | undefined> {
  const [row] = await query<CellContents>(api, `select ${contents} from cell_mappings c where uuid = :uuid::uuid`, { uuid });
  return row;
}

/**
 * Removes a cell from the register, with its hosts and what placement knows of them, and with what was noted as work there.
 * @returns what hinders it: then, and only then, there are servers, or deleted ones that the index still has.
 * @throws the database's error when a server came to the cell at that moment; nothing was removed then.
 */
export async function removeCell(api: Database, uuid: string): Promise<CellContents | undefined> {
  const [row] = await query<CellContents>(
    api,
    `with found as (select c.id, ${contents} from cell_mappings c where uuid = :uuid::uuid),
     empty as (select id from found where servers = 0 and deleted = 0),
     providers as (
       select p.id from empty join host_mappings h on h.cell_id = empty.id join resource_providers p on p.name = h.host),
     work_gone as (delete from pending_cleanups using empty where cell_id = empty.id),
     hosts_gone as (delete from host_mappings using empty where cell_id = empty.id),
     inventories_gone as (delete from inventories where resource_provider_id in (select id from providers)),
     providers_gone as (delete from resource_providers where id in (select id from providers)),
     gone as (delete from cell_mappings using empty where cell_mappings.id = empty.id)
     select hosts, servers, deleted from found where servers > 0 or deleted > 0`,
    { uuid },
  );
  return row;
}
