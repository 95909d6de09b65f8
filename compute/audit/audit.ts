/**
 * Checks by the rows of all databases whether the properties that must always hold do hold. The databases are read while the cloud runs, and never all at one
 * moment: a server whose rows contradict each other is rechecked at once, and again after a pause, and is a finding only if it is one every time. What is
 * compared within one statement needs no recheck.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CellMapping, listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import type { Database } from '../../database/data-api/client.ts';
import { cell0 } from '../cells/cell0.ts';
import { inCell } from '../cells/reach.ts';
import { type AuditContext, checkServer } from './check-server.ts';
import { checkSums } from './check-sums.ts';
import { type Finding, finding } from './findings.ts';
import { type PendingCleanups, PendingCount } from './pending.ts';
import { recheck } from './recheck.ts';
import { type CellDatabase, scan } from './scan.ts';

/** How to audit. */
export interface AuditOptions {
  /** Nothing is at work on the cloud: what is unfinished is stuck, and no second recheck is needed. */
  settled?: boolean;
  /** For how many seconds a boot may last, and the reaper may leave something undone, before it is a fault; at rest 0. */
  patience?: number;
}

/** What an audit found. */
export interface AuditReport {
  /** Names of the cells that were read. */
  cells: string[];
  /** Living servers of the index. */
  servers: number;
  findings: Finding[];
  /** Pending cleanups: nothing is broken. */
  pending: PendingCleanups[];
  /** Cells that could not be read to the end, and why: nothing is known of what only they hold. */
  unreadable: { cell: string; reason: string }[];
}

/** A quarter of an hour: several rounds of the reaper, and cell0 woken from its sleep in between. */
export const defaultPatience = 900;

/** Milliseconds between two rechecks: longer than the databases are read apart, and than a delete takes from its cell to the index. */
const pause = 2_000;

/** Returns whether nothing is broken and everything was read. */
export function isClean({ findings, unreadable }: AuditReport): boolean {
  return findings.length === 0 && unreadable.length === 0;
}

/**
 * Reads all databases and returns what is broken. It wakes every cell.
 * @throws DatabaseUnreachable when the api database does not answer.
 */
export async function audit(api: Database, options: AuditOptions = {}): Promise<AuditReport> {
  const { settled = false, patience = settled ? 0 : defaultPatience } = options;
  const mappings = await listCellMappings(api);
  const unreadable = new Map<string, string>();
  const cells = openCells(mappings, unreadable);
  const context: AuditContext = { cells: new Map(mappings.map(({ uuid, name }) => [uuid, name])), unreadable, patience };

  const { servers, suspects, pending } = await findSuspects(api, cells, context);
  let ofServers = await recheck(api, cells, suspects, context);
  if (!settled && ofServers.length > 0) {
    await sleep(pause);
    const again = await recheck(api, cells, [...new Set(ofServers.map(({ ids }) => ids.server ?? ''))], context);
    const before = new Set(ofServers.map(identity));
    ofServers = again.filter((found) => before.has(identity(found)));
  }
  const ofSums = await checkSums(api);
  const ofCloud = mappings.some(({ uuid }) => uuid === cell0)
    ? []
    : [finding('cell0-missing', {}, 'No cell0 is registered: servers that cannot be scheduled stay in BUILD for ever.')];
  return {
    cells: mappings.map(({ name }) => name),
    servers,
    findings: [...ofCloud, ...ofServers, ...ofSums],
    pending: pending.of(context.cells),
    unreadable: mappings.flatMap(({ uuid, name }) => {
      const reason = unreadable.get(uuid);
      return reason === undefined ? [] : [{ cell: name, reason }];
    }),
  };
}

/** Returns access to cells; the first failure of one goes into `unreadable`, and it is not asked again. */
export function openCells(
  mappings: readonly Pick<CellMapping, 'uuid' | 'database_connection'>[],
  unreadable: Map<string, string>,
): CellDatabase[] {
  return mappings.map(({ uuid, database_connection }) => ({
    uuid,
    async attempt(read) {
      if (unreadable.has(uuid)) return [];
      try {
        return await inCell(database_connection, 'tending', read);
      } catch (error) {
        unreadable.set(uuid, error instanceof Error ? error.message : String(error));
        return [];
      }
    },
  }));
}

async function findSuspects(api: Database, cells: readonly CellDatabase[], context: AuditContext) {
  const suspects: string[] = [];
  const pending = new PendingCount();
  let servers = 0;
  for await (const facts of scan(api, cells)) {
    if (facts.records?.mapped && !facts.records.deleted) servers += 1;
    if (checkServer(facts, context).length > 0) suspects.push(facts.uuid);
    pending.add(facts);
  }
  return { servers, suspects, pending };
}

function identity({ kind, ids }: Finding): string {
  return JSON.stringify([kind, ids]);
}
