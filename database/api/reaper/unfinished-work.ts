/** When the reaper must run again. */
import { type Database, query } from '../../data-api/client.ts';
import { cleanupDue } from '../cells/pending-cleanups.ts';

/** What is left to do. */
export interface UnfinishedWork {
  /** In how many seconds the first of it is due, not positive when it is overdue; null when nothing is left. */
  dueIn: number | null;
  /** Servers that are on their way into one cell. */
  awaitingCell: number;
}

/**
 * Returns when the first of what is left to do is due, and how much of it waits for one cell. A server that is on its way is due `silence` seconds after its
 * last heartbeat.
 */
export async function findUnfinishedWork(api: Database, cell: string, silence: number): Promise<UnfinishedWork> {
  const [work] = await query<UnfinishedWork>(
    api,
    `select extract(epoch from least(
         (select min(updated_at) + make_interval(secs => :silence) from build_requests),
         (select min(${cleanupDue}) from pending_cleanups),
         (select min(due_at) from host_cleanups)) - now())::float8 as "dueIn",
       (select count(*) from build_requests b join cell_mappings c on c.id = b.cell_id where c.uuid = :cell::uuid) as "awaitingCell"`,
    { cell, silence },
  );
  return work ?? { dueIn: null, awaitingCell: 0 };
}
