/** A cell becomes part of the cloud when the api database knows where it is; every reader of the cell mappings finds it there from then on. */

import { namedUuid } from '../../common/uuid.ts';
import { saveCellMapping } from '../../database/api/cells/cell-mappings.ts';
import type { Database } from '../../database/data-api/client.ts';
import { cell0 } from '../cells/cell0.ts';
import { defaultHostResources, saveSimulatedHosts } from '../hosts/simulated-hosts.ts';

/** A cell whose database stands and has its schema. */
export interface DeployedCell {
  name: string;
  /** `rds-data://<cluster arn>/<database>?secret=<secret arn>` */
  connection: string;
  /** How many simulated hosts it has; cell0 has none. */
  simulatedHosts: number;
}

/**
 * Registers a cell and its simulated hosts. Done again, it moves the cell's connection and refreshes its hosts; it takes no host away, and a cell that
 * was disabled stays so.
 */
export async function registerCell(api: Database, { name, connection, simulatedHosts }: DeployedCell): Promise<void> {
  const uuid = name === 'cell0' ? cell0 : namedUuid(name);
  const cell = { uuid, name, database_connection: connection };
  await saveCellMapping(api, cell);
  await saveSimulatedHosts(api, cell, { first: 1, count: simulatedHosts, total: defaultHostResources });
}
