/**
 * Archiving deleted servers. The index leads: it knows which servers are deleted and done with, and only their cells are asked. A server's rows move into
 * its cell's shadow tables in one statement, then it leaves the index in another. Between the two it is a deleted server without a row, which is nothing
 * broken, and the next run goes on from there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { deleteMappings, listCellsWithDeleted, listDeleted } from '../../database/api/archive.ts';
import type { CellMapping } from '../../database/api/cells/cell-mappings.ts';
import { archiveInstances } from '../../database/cell/archive.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type CellFailure, inCells } from '../cells/reach.ts';

/** How to archive. */
export interface ArchiveOptions {
  /** Rows to move in all, about; with `untilComplete`, in one statement. Of a server without a cell the mapping counts, of others nothing in the index does. */
  maxRows: number;
  /** Only what was deleted before this. */
  before: Date | null;
  untilComplete: boolean;
  /** Seconds between batches. */
  sleep: number;
  /** Called with the number of rows that have been moved. */
  progress(rows: number): void;
}

/** What was archived: rows by table, with the cell's name before it, and the cells where it failed. */
export interface Archived {
  tables: Record<string, number>;
  failures: CellFailure[];
}

/** Servers read in one statement. */
const page = 100;
/** Rows that one statement moves unless the options say otherwise. */
const batchRows = 1_000;

/**
 * Moves deleted servers into the shadow tables of cell0 and all cells.
 * @throws DatabaseUnreachable when the api database does not answer.
 */
export async function archiveDeletedRows(api: Database, options: ArchiveOptions): Promise<Archived> {
  const before = options.before?.toISOString() ?? null;
  const tables: Record<string, number> = {};
  let moved = 0;
  const count = (prefix: string, rows: object) => {
    for (const [table, number] of Object.entries(rows)) {
      if (number > 0) tables[`${prefix}.${table}`] = (tables[`${prefix}.${table}`] ?? 0) + number;
    }
  };
  const remaining = () => (options.untilComplete ? options.maxRows : Math.min(batchRows, options.maxRows - moved));
  const finish = async (gone: readonly string[], rows: number) => {
    count('API_DB', await deleteMappings(api, gone));
    moved += rows;
    options.progress(moved);
    await sleep(options.sleep * 1_000);
  };

  const archiveCell = async ({ uuid, name }: CellMapping, database: Database) => {
    for (let after = 0; remaining() > 0; ) {
      const servers = await listDeleted(api, uuid, before, after, page);
      const last = servers.at(-1);
      if (last === undefined) return;
      const { rows, gone, more } = await archiveInstances(database, servers.map(uuidOf), remaining());
      count(name, rows);
      await finish(
        gone,
        Object.values(rows).reduce((sum, number) => sum + number, 0),
      );
      if (!more) after = last.id;
    }
  };
  const archiveHomeless = async () => {
    for (let after = 0; remaining() > 0; ) {
      const servers = await listDeleted(api, null, before, after, Math.min(page, remaining()));
      const last = servers.at(-1);
      if (last === undefined) return;
      await finish(servers.map(uuidOf), servers.length);
      after = last.id;
    }
  };

  const cells = await listCellsWithDeleted(api, before);
  // With a limit on all of it, one cell after the other.
  const { failures } = await inCells(cells, 'tending', archiveCell, options.untilComplete ? undefined : 1);
  await archiveHomeless();
  return { tables, failures };
}

const uuidOf = ({ uuid }: { uuid: string }) => uuid;
