/** An admin's way to say what has become of a server, when its state is not true any more. */
import { findInstanceMappingToRestore } from '../../database/api/servers/soft-deleted.ts';
import { resetInstanceState } from '../../database/cell/instances/reset-state.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type ChangeOf, changeInCell } from './change-in-cell.ts';

/**
 * Sets the state of a server, and ends what is being done to it. One that was soft-deleted holds quota again, whatever the limits are, as in Nova.
 * @throws what changeInCell throws.
 */
export async function resetState(api: Database, { caller, requestId, server }: ChangeOf, state: 'active' | 'error'): Promise<void> {
  await changeInCell(
    ...([api, caller, server, 'os-resetState'] as const),
    (cell, { uuid }) => resetInstanceState(cell, uuid, { requestId, ...caller }, state),
    (database, uuid, projectId) => findInstanceMappingToRestore(database, uuid, projectId, null),
  );
}
