/** A cell becomes part of the cloud when the api database knows where it is; whoever reads the register finds it there from then on. */
import { saveCellMapping } from '../../database/api/cell-mappings.ts';
import { type NewHost, saveHosts } from '../../database/api/hosts.ts';
import { saveComputeNodes } from '../../database/cell/hosts.ts';
import { type Database, parseDatabaseUrl } from '../../database/data-api.ts';
import { cell0 } from '../cells.ts';
import { namedUuid } from '../uuid.ts';

/** A cell whose database stands and has its schema. */
export interface DeployedCell {
  name: string;
  /** `rds-data://<cluster arn>/<database>?secret=<secret arn>` */
  connection: string;
  /** How many simulated hosts it has; cell0 has none. */
  simulatedHosts: number;
}

/** What every simulated host has. */
const hostTotal = { VCPU: 16, MEMORY_MB: 64 * 1_024, DISK_GB: 500 };

/**
 * Registers a cell and its simulated hosts. Done again, it moves the cell's connection and refreshes its hosts; it takes no host away, and a cell that
 * was disabled stays so.
 */
export async function registerCell(api: Database, { name, connection, simulatedHosts }: DeployedCell): Promise<void> {
  const uuid = name === 'cell0' ? cell0 : namedUuid(name);
  await saveCellMapping(api, { uuid, name, database_connection: connection });
  const hosts: NewHost[] = Array.from({ length: simulatedHosts }, (_, index) => {
    const host = `${name}-host${index + 1}`;
    return { uuid: namedUuid(host), host, total: hostTotal };
  });
  if (hosts.length === 0) return;
  await saveComputeNodes(parseDatabaseUrl(connection), hosts);
  await saveHosts(api, uuid, hosts);
}
