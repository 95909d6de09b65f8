/** Moves that ended, or were given up, between their cell and the api database: what a server has on two hosts becomes what it has on one. */
import type { PendingCleanup } from '../../database/api/cells/pending-cleanups.ts';
import { settleMove } from '../../database/api/servers/migration-consumers.ts';
import type { InstanceState } from '../../database/cell/reaper.ts';
import type { Database } from '../../database/data-api/client.ts';
import { keptFlavor } from '../servers/moves/move-server.ts';

/**
 * Settles the moves of living servers that were listed before their states were read: one that is neither going on nor waits to be confirmed is over. One of
 * which the cell knows nothing was replaced before it was recorded there.
 */
export async function settleMoves(api: Database, states: readonly InstanceState[], own: readonly PendingCleanup[]): Promise<void> {
  const listed = new Map(own.map(({ uuid, moves }) => [uuid, moves]));
  for (const { uuid, deleted, task, last_move } of states) {
    if (deleted) continue;
    for (const migration of listed.get(uuid) ?? []) {
      const recorded = last_move?.migration === migration ? last_move : null;
      if (task?.move?.migration === migration || recorded?.outcome === null) continue;
      await settleMove(api, uuid, migration, recorded && keptFlavor(recorded.outcome, recorded.flavor));
    }
  }
}
