/**
 * The one way to reach a cell. A caller names the kind of work he does, and that alone decides how long a cell that is silent or fails is borne
 * with. What a cell does not answer is `DatabaseUnreachable`; a cell that fails hinders no other.
 */
import type { CellMapping } from '../../database/api/cells/cell-mappings.ts';
import { type Database, DatabaseUnreachable, type Patience } from '../../database/data-api/client.ts';
import { deadline, withDeadline } from '../../database/data-api/deadline.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';

/** What a caller does in a cell. */
export type Work =
  /** Lists and shows: a client who learns that a part is unknown is served better than one who waits. */
  | 'reading'
  /** Changes that a client or a workflow waits for. */
  | 'changing'
  /** The reaper, the audit, deployments and an operator's commands: many cells, and statements as long as the Data API allows, which is 45 s. */
  | 'tending';

interface Manner extends Patience {
  /** Cells at a time. */
  width: number;
  /** The part of the invocation's time that cells may take, where something must be done after them. */
  share: number;
}

const manners: Readonly<Record<Work, Manner>> = {
  // A page may hold rows of every cell, and all are asked at once.
  reading: { each: 8_000, left: 8_000, attempts: 1, width: 200, share: 1 },
  changing: { each: 20_000, left: Number.POSITIVE_INFINITY, attempts: 3, width: 20, share: 1 },
  // Enough at a time to wake 200 cells in minutes, few enough for one machine.
  tending: { each: 50_000, left: Number.POSITIVE_INFINITY, attempts: 3, width: 20, share: 0.9 },
};

/** Where a cell is. */
export type CellAddress = Pick<CellMapping, 'name' | 'database_connection'>;

/** A cell in which the work failed, and why. */
export interface CellFailure {
  cell: string;
  reason: string;
}

/** What came of work in cells, in the order of the cells. */
export interface InCells<Result, Cell = CellMapping> {
  results: { cell: Cell; result: Result }[];
  failures: CellFailure[];
  /** The errors among the failures that are not a cell's: a fault of ours, or PostgreSQL's answer to a statement. */
  faults: unknown[];
}

/** The cells as one piece of work reaches for them: its patience with a cell is for all of it, and a cell that has failed is not asked again. */
export interface Reach {
  /**
   * Does a job in a cell.
   * @param connection its URL, as in `cell_mappings.database_connection`.
   * @throws DatabaseUnreachable when the cell does not answer, or has not before; whatever the job throws.
   */
  inCell<Result>(connection: string, job: (database: Database) => Promise<Result>): Promise<Result>;
  /**
   * Does a job in every cell.
   * @param width how many cells at a time; by default what suits the kind of work.
   */
  inCells<Cell extends CellAddress, Result>(
    cells: readonly Cell[],
    job: (cell: Cell, database: Database) => Promise<Result>,
    width?: number,
  ): Promise<InCells<Result, Cell>>;
}

/** Begins a piece of work. */
export function reachCells(work: Work): Reach {
  const { width: usualWidth, share, ...patience } = manners[work];
  const databases = new Map<string, Database>();
  const unreachable = new Map<string, DatabaseUnreachable>();

  const open = (connection: string): Database => {
    const known = databases.get(connection);
    if (known) return known;
    try {
      const database = { ...parseDatabaseUrl(connection), patience: { ...patience } };
      databases.set(connection, database);
      return database;
    } catch (error) {
      throw new DatabaseUnreachable(error instanceof Error ? error.message : String(error), { cause: error });
    }
  };

  const inCell: Reach['inCell'] = async (connection, job) => {
    const failed = unreachable.get(connection);
    if (failed) throw failed;
    try {
      return await job(open(connection));
    } catch (error) {
      if (error instanceof DatabaseUnreachable) unreachable.set(connection, error);
      throw error;
    }
  };

  return {
    inCell,
    async inCells<Cell extends CellAddress, Result>(
      cells: readonly Cell[],
      job: (cell: Cell, database: Database) => Promise<Result>,
      width = usualWidth,
    ) {
      const outcomes: ({ cell: Cell; result: Result } | (CellFailure & { error: unknown }))[] = [];
      const waiting = cells.entries();
      const worker = async () => {
        for (const [index, cell] of waiting) {
          try {
            outcomes[index] = { cell, result: await inCell(cell.database_connection, (database) => job(cell, database)) };
          } catch (error) {
            outcomes[index] = { cell: cell.name, reason: error instanceof Error ? error.message : String(error), error };
          }
        }
      };
      const workers = () => Promise.all(Array.from({ length: Math.min(width, cells.length) }, worker));
      await withDeadline(Date.now() + (deadline() - Date.now()) * share, workers);
      const failures = outcomes.filter((outcome) => 'reason' in outcome);
      return {
        results: outcomes.filter((outcome) => 'result' in outcome),
        failures: failures.map(({ cell, reason }) => ({ cell, reason })),
        faults: failures.flatMap(({ error }) => (error instanceof DatabaseUnreachable ? [] : [error])),
      };
    },
  };
}

/** Does one job in one cell; see `Reach`. */
export function inCell<Result>(connection: string, work: Work, job: (database: Database) => Promise<Result>): Promise<Result> {
  return reachCells(work).inCell(connection, job);
}

/** Does one job in every cell; see `Reach`. */
export function inCells<Cell extends CellAddress, Result>(
  cells: readonly Cell[],
  work: Work,
  job: (cell: Cell, database: Database) => Promise<Result>,
  width?: number,
): Promise<InCells<Result, Cell>> {
  return reachCells(work).inCells(cells, job, width);
}
