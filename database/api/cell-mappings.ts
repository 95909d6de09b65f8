/** The register of cells and of the hosts in them. */
import { type Database, query } from '../data-api.ts';

/** A cell as the register knows it. */
export interface CellMapping {
  uuid: string;
  name: string;
  /** `rds-data://<cluster arn>/<database>?secret=<secret arn>` */
  database_connection: string;
  disabled: boolean;
}

/** Registers a cell, or moves its name and connection when it is there already. */
export async function saveCellMapping(api: Database, cell: Omit<CellMapping, 'disabled'>): Promise<void> {
  await query(
    api,
    `insert into cell_mappings (uuid, name, database_connection) values (:uuid::uuid, :name, :connection)
     on conflict (uuid) do update set name = excluded.name, database_connection = excluded.database_connection, updated_at = now()`,
    { uuid: cell.uuid, name: cell.name, connection: cell.database_connection },
  );
}

/** Gives all cells by name, cell0 among them. */
export async function listCellMappings(api: Database): Promise<CellMapping[]> {
  return query<CellMapping>(api, 'select uuid, name, database_connection, disabled from cell_mappings order by name');
}
