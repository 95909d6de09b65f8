/** Simulated hosts exist in the databases only: as compute nodes of their cell, and with what they have in placement. */

import { namedUuid } from '../../common/uuid.ts';
import type { Resources } from '../../database/api/hosts/allocations.ts';
import { listHostMappings } from '../../database/api/hosts/host-mappings.ts';
import { type NewHost, saveHosts } from '../../database/api/hosts/hosts.ts';
import { saveComputeNodes } from '../../database/cell/hosts.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from '../cells/reach.ts';

/** What a simulated host has unless an operator says otherwise. */
export const defaultHostResources: Resources = { VCPU: 16, MEMORY_MB: 64 * 1_024, DISK_GB: 500 };

/** What the names of a cell's simulated hosts begin with; their numbers from 1 follow. */
export const hostPrefix = (cell: string) => `${cell}-host`;

/** The cell that hosts are in. */
export interface CellOfHosts {
  uuid: string;
  name: string;
  /** `rds-data://<cluster arn>/<database>?secret=<secret arn>` */
  database_connection: string;
}

/**
 * Registers `count` hosts from a number on, in their cell first, so that none is picked before its cell knows it. One that is there stays as it is.
 * @returns the names of those that were not.
 */
export async function saveSimulatedHosts(
  api: Database,
  cell: CellOfHosts,
  { first, count, total }: { first: number; count: number; total: Resources },
): Promise<string[]> {
  const there = new Set((await listHostMappings(api, cell.uuid)).map(({ host }) => host));
  const hosts: NewHost[] = Array.from({ length: count }, (_, index) => `${hostPrefix(cell.name)}${first + index}`)
    .filter((host) => !there.has(host))
    .map((host) => ({ uuid: namedUuid(host), host, total }));
  if (hosts.length > 0) {
    await inCell(cell.database_connection, 'tending', (database) => saveComputeNodes(database, hosts));
    await saveHosts(api, cell.uuid, hosts);
  }
  return hosts.map(({ host }) => host);
}
