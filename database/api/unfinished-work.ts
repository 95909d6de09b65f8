/** Whether somebody must look again. */
import { type Database, query } from '../data-api.ts';

/** Tells whether any server is still on its way, or any cell may have something left to finish. */
export async function hasUnfinishedWork(api: Database): Promise<boolean> {
  const [row] = await query<{ unfinished: boolean }>(
    api,
    'select exists (select from build_requests) or exists (select from cell_work) as unfinished',
  );
  return row?.unfinished ?? false;
}
