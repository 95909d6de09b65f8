/** Work in many cells at once: a cell that does not answer is reported and hinders no other. */
import type { CellMapping } from '../../database/api/cells/cell-mappings.ts';
import { type Database, parseDatabaseUrl } from '../../database/data-api/client.ts';

/** A cell in which the work failed, and why. */
export interface CellFailure {
  cell: string;
  reason: string;
}

/** What came of work in cells, in the order of the cells. */
export interface InCells<Result> {
  results: { cell: CellMapping; result: Result }[];
  failures: CellFailure[];
}

/** Cells at a time: enough to wake 200 of them in minutes, few enough for one machine. */
const atOnce = 20;

/** Does a job in every cell. */
export async function inCells<Result>(
  cells: readonly CellMapping[],
  job: (cell: CellMapping, database: Database) => Promise<Result>,
  width = atOnce,
): Promise<InCells<Result>> {
  const outcomes: ({ cell: CellMapping; result: Result } | CellFailure)[] = [];
  const waiting = cells.entries();
  const work = async () => {
    for (const [index, cell] of waiting) {
      try {
        outcomes[index] = { cell, result: await job(cell, parseDatabaseUrl(cell.database_connection)) };
      } catch (error) {
        outcomes[index] = { cell: cell.name, reason: error instanceof Error ? error.message : String(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return {
    results: outcomes.filter((outcome) => 'result' in outcome),
    failures: outcomes.filter((outcome) => 'reason' in outcome),
  };
}
