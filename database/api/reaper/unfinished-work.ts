/** Whether the reaper must run again. */
import { type Database, query } from '../../data-api/client.ts';

/** What is left to do. */
export interface UnfinishedWork {
  /** Whether any server is still on its way, or any cell may have something left to finish. */
  any: boolean;
  /** Servers that are on their way into one cell. */
  awaitingCell: number;
}

/** Returns what is left to do, and how much of it waits for one cell. */
export async function findUnfinishedWork(api: Database, cell: string): Promise<UnfinishedWork> {
  const [work] = await query<UnfinishedWork>(
    api,
    `select exists (select from build_requests) or exists (select from pending_cleanups) as any,
       (select count(*) from build_requests b join cell_mappings c on c.id = b.cell_id where c.uuid = :cell::uuid) as "awaitingCell"`,
    { cell },
  );
  return work ?? { any: false, awaitingCell: 0 };
}
