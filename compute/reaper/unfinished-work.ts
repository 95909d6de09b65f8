/** What is left to finish, by which the reaper knows when it must run again. */
import { findUnfinishedWork as selectUnfinishedWork, type UnfinishedWork } from '../../database/api/reaper/unfinished-work.ts';
import type { Database } from '../../database/data-api/client.ts';
import { cell0 } from '../cells/cell0.ts';

/** Returns when the first of what is left to finish is due, and how many burials wait for cell0. One Data API call. */
export function findUnfinishedWork(api: Database, silence: number): Promise<UnfinishedWork> {
  return selectUnfinishedWork(api, cell0, silence);
}
