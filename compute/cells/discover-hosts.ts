/**
 * Hosts become schedulable when the index knows their cell and placement what they have. What a cell's database knows of its hosts is compared with the
 * index itself, so a host whose mapping was lost is found too, and two discoveries at once do no harm.
 */
import { type CellMapping, listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import { listHostMappings } from '../../database/api/hosts/host-mappings.ts';
import { type NewHost, type SavedHost, saveHosts } from '../../database/api/hosts/hosts.ts';
import { listComputeNodes } from '../../database/cell/hosts.ts';
import type { Database } from '../../database/data-api/client.ts';
import { cell0 } from './cell0.ts';
import { type InCells, inCells } from './reach.ts';

/** What was found in a cell. */
export interface Discovery {
  /** How many hosts the cell has. */
  hosts: number;
  /** Those that the index did not know in this cell, and what became of them. */
  found: (NewHost & SavedHost)[];
}

/** Hosts read and saved at a time. */
const page = 500;

/** Returns the cells that may have hosts: all but cell0. */
export async function listLiveCells(api: Database): Promise<CellMapping[]> {
  return (await listCellMappings(api)).filter(({ uuid }) => uuid !== cell0);
}

/** Maps the hosts of cells that are not mapped yet. */
export function discoverHosts(api: Database, cells: readonly CellMapping[]): Promise<InCells<Discovery>> {
  return inCells(cells, 'tending', async (cell, database) => {
    const unmapped = await findUnmappedHosts(api, cell, database);
    const found: Discovery['found'] = [];
    for (let start = 0; start < unmapped.found.length; start += page) {
      const batch = unmapped.found.slice(start, start + page);
      const saved = new Map((await saveHosts(api, cell.uuid, batch)).map((one) => [one.host, one]));
      found.push(...batch.map((host) => ({ ...host, mapped: false, elsewhere: null, ...saved.get(host.host) })));
    }
    return { hosts: unmapped.hosts, found };
  });
}

/** Returns the hosts of a cell that are not mapped to it, and how many it has. */
export async function findUnmappedHosts(
  api: Database,
  { uuid }: CellMapping,
  database: Database,
): Promise<{ hosts: number; found: NewHost[] }> {
  const mapped = new Set((await listHostMappings(api, uuid)).map(({ host }) => host));
  const found: NewHost[] = [];
  let hosts = 0;
  for (let after = ''; ; ) {
    const nodes = await listComputeNodes(database, after, page);
    hosts += nodes.length;
    found.push(...nodes.filter(({ host }) => !mapped.has(host)));
    after = nodes.at(-1)?.host ?? '';
    if (nodes.length < page) return { hosts, found };
  }
}
