/** Deleted servers of a cell that goes leave the index without a visit to the cell. */
import { deleteMappingsOf } from '../../database/api/archive.ts';
import type { Database } from '../../database/data-api/client.ts';

/** Mappings that one statement removes. */
const batch = 1_000;

/** Lets all deleted servers of a cell leave the index that have nothing left to do elsewhere. */
export async function unmapDeleted(api: Database, cell: string): Promise<void> {
  while ((await deleteMappingsOf(api, cell, batch)).instance_mappings > 0);
}
