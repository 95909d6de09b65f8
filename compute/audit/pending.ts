/** What is noted as a pending cleanup, and is one: a note is made before there can be something to do, and stays when there was nothing. */
import type { ServerRecords } from '../../database/api/audit/servers.ts';
import type { ServerRow } from '../../database/cell/audit.ts';
import type { ServerFacts } from './check-server.ts';

/** The pending cleanups of a cell. */
export interface PendingCleanups {
  /** Name of the cell. */
  cell: string;
  servers: number;
  /** Seconds for which the first of it is overdue; 0 when none is. */
  overdue: number;
}

/** Counts pending cleanups by uuid of the cell. */
export class PendingCount {
  readonly #cells = new Map<string, Omit<PendingCleanups, 'cell'>>();

  /** Counts those of a server. */
  add({ records, rows }: ServerFacts): void {
    for (const [index, cell] of records?.cleanups.entries() ?? []) {
      if (records && isAtRest(records, cell, rows.get(cell))) continue;
      const { servers, overdue } = this.#cells.get(cell) ?? { servers: 0, overdue: 0 };
      this.#cells.set(cell, { servers: servers + 1, overdue: Math.max(overdue, records?.cleanups_overdue[index] ?? 0) });
    }
  }

  /** Returns them for cells by uuid and name, in this order; those without any are left out. */
  of(cells: ReadonlyMap<string, string>): PendingCleanups[] {
    return [...cells].flatMap(([uuid, cell]) => {
      const count = this.#cells.get(uuid);
      return count ? [{ cell, ...count }] : [];
    });
  }
}

/**
 * Whether a server lives in its own cell, its build has ended, it is in no task and holds nothing that it does not use: the reaper has nothing to do for it.
 */
export function isAtRest(
  { cell: home, hosts }: Pick<ServerRecords, 'cell' | 'hosts'>,
  cell: string,
  row: (Pick<ServerRow, 'deleted' | 'vm_state' | 'host'> & { task: unknown }) | undefined,
): boolean {
  if (!row || cell !== home || row.deleted || row.vm_state === 'building' || row.task !== null) return false;
  return row.host !== null || hosts.length === 0;
}
