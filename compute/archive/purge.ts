/** Emptying the shadow tables. What was archived is kept there until then, and only there: no living row is near. */
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import { purgeShadowTables } from '../../database/cell/archive.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type InCells, inCells } from '../cells/reach.ts';

/** Rows of a table that one statement removes. */
const batch = 5_000;

/**
 * Purges the shadow tables of cell0 and all cells; what was deleted before a time, or (null) all.
 * @param progress is called with the number of rows that have been removed.
 * @returns rows by table for each cell.
 * @throws DatabaseUnreachable when the api database does not answer.
 */
export async function purge(
  api: Database,
  before: Date | null,
  progress: (rows: number) => void,
): Promise<InCells<Record<string, number>>> {
  let removed = 0;
  return inCells(await listCellMappings(api), 'tending', async (_, database) => {
    const tables: Record<string, number> = {};
    for (;;) {
      const rows = Object.entries(await purgeShadowTables(database, before?.toISOString() ?? null, batch)).filter(
        ([, number]) => number > 0,
      );
      if (rows.length === 0) return tables;
      for (const [table, number] of rows) {
        tables[table] = (tables[table] ?? 0) + number;
        removed += number;
      }
      progress(removed);
    }
  });
}
