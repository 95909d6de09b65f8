/** A cell becomes part of the cloud when the api database knows where it is; every reader of the cell mappings finds it there from then on. */

import { namedUuid } from '../../common/uuid.ts';
import { noteSimulatedHosts, saveCellMapping } from '../../database/api/cells/cell-mappings.ts';
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
 * Registers a cell and its simulated hosts. Done again, it moves the cell's connection and adds the hosts by which their number has grown since; it changes
 * no host that is there, brings none back that was deleted, takes none away, and a cell that was disabled stays so.
 */
export async function registerCell(api: Database, { name, connection, simulatedHosts }: DeployedCell): Promise<void> {
  const uuid = name === 'cell0' ? cell0 : namedUuid(name);
  const cell = { uuid, name, database_connection: connection };
  const noted = await saveCellMapping(api, cell);
  const before = noted ?? simulatedHosts;
  if (simulatedHosts > before) {
    await saveSimulatedHosts(api, cell, { first: before + 1, count: simulatedHosts - before, total: defaultHostResources });
  }
  // Last, so that a registration that stopped half-way is done again.
  if (simulatedHosts !== noted) await noteSimulatedHosts(api, uuid, simulatedHosts);
}
