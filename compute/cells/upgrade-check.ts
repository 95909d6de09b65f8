/** Whether a deployment is ready for what comes next: nova-status's check of cells, and those of what is ours. */
import { type CellMapping, listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import { listHostMappings } from '../../database/api/hosts/host-mappings.ts';
import { apiMigrations } from '../../database/api/migrations/index.ts';
import { cellMigrations } from '../../database/cell/migrations/index.ts';
import type { Database } from '../../database/data-api/client.ts';
import { schemaVersion } from '../../database/migrator/migrate.ts';
import { cell0 } from './cell0.ts';
import { findUnmappedHosts } from './discover-hosts.ts';
import { type InCells, inCells } from './reach.ts';

/** How a check ended; a failure is something to mend before an upgrade. */
export const verdicts = ['Success', 'Warning', 'Failure'] as const;

/** A check with its result. */
export interface Check {
  name: string;
  result: (typeof verdicts)[number];
  /** What to do, or what was found; null when there is nothing to say. */
  details: string | null;
}

/** What a cell says of itself. */
interface CellState {
  version: number;
  hosts: number;
  unmapped: string[];
}

/**
 * Checks a deployment; cells that sleep are woken.
 * @throws DatabaseUnreachable when the api database does not answer.
 */
export async function checkUpgrade(api: Database): Promise<Check[]> {
  const version = await schemaVersion(api);
  const cells = await listCellMappings(api);
  const mapped = await listHostMappings(api, null);
  const states = await inCells(cells, 'tending', (cell, database) => readState(api, cell, database));
  return [checkCells(cells, mapped.length, states), checkSchemas(version, states), checkHosts(states)];
}

async function readState(api: Database, cell: CellMapping, database: Database): Promise<CellState> {
  const version = await schemaVersion(database);
  if (version === 0) return { version, hosts: 0, unmapped: [] };
  const { hosts, found } = await findUnmappedHosts(api, cell, database);
  return { version, hosts, unmapped: found.map(({ host }) => host) };
}

const hosts = (states: InCells<CellState>) => states.results.reduce((sum, { result }) => sum + result.hosts, 0);

function checkCells(cells: readonly CellMapping[], mapped: number, states: InCells<CellState>): Check {
  const name = 'Cells v2';
  if (cells.length < 2) {
    const details = `There needs to be at least two cell mappings, one for cell0 and one for your first cell. Deploy a cell, or run command 'cellzero cell_v2 create_cell', and then retry.`;
    return { name, result: 'Failure', details };
  }
  if (!cells.some(({ uuid }) => uuid === cell0)) {
    return { name, result: 'Failure', details: `No cell0 mapping found. Run command 'cellzero cell_v2 map_cell0' and then retry.` };
  }
  if (mapped > 0) return { name, result: 'Success', details: null };
  if (hosts(states) > 0) {
    const details = `No host mappings found but there are compute nodes. Run command 'cellzero cell_v2 discover_hosts' and then retry.`;
    return { name, result: 'Failure', details };
  }
  const details = `No host mappings or compute nodes were found. Remember to run command 'cellzero cell_v2 discover_hosts' when new compute hosts are deployed.`;
  return { name, result: 'Success', details };
}

function checkSchemas(version: number, { results, failures }: InCells<CellState>): Check {
  const databases = [
    { of: 'the api database', version, wanted: apiMigrations.length },
    ...results.map(({ cell, result }) => ({ of: cell.name, version: result.version, wanted: cellMigrations.length })),
  ];
  const behind = databases.filter(({ version, wanted }) => version < wanted);
  const ahead = databases.filter(({ version, wanted }) => version > wanted);
  const details = [
    ...failures.map(({ cell, reason }) => `${cell} does not answer: ${reason}.`),
    ...behind.map(({ of, version, wanted }) => `${of} is at version ${version} of ${wanted}.`),
    ...(behind.length > 0 ? [`Run commands 'cellzero api_db sync' and 'cellzero db sync'.`] : []),
    ...ahead.map(({ of, version, wanted }) => `${of} is at version ${version}, of which this command knows ${wanted}.`),
  ];
  const result = failures.length + behind.length > 0 ? 'Failure' : ahead.length > 0 ? 'Warning' : 'Success';
  return { name: 'Database Schemas', result, details: details.join(' ') || null };
}

function checkHosts({ results }: InCells<CellState>): Check {
  const unmapped = results.flatMap(({ cell, result }) =>
    result.unmapped.length > 0 ? [`${cell.name} has hosts that are not mapped to it: ${result.unmapped.join(', ')}.`] : [],
  );
  if (unmapped.length === 0) return { name: 'Host Mappings', result: 'Success', details: null };
  const details = [...unmapped, `Run command 'cellzero cell_v2 discover_hosts'.`].join(' ');
  return { name: 'Host Mappings', result: 'Warning', details };
}
