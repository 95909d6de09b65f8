/** What metadata and tags have in common: one statement in the cell changes them or says why not, and a server that has no cell yet allows it in no state. */
import type { InstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import type { Change, ChangeConditions, Changed } from '../../database/cell/instances/metadata-and-tags.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from '../cells/reach.ts';
import { serverNotFound } from './find-server.ts';

export type { Change, Changed };

/** The states in which Nova lets clients change them. */
export const changeableIn: ChangeConditions['vm_states'] = ['active', 'paused', 'suspended', 'stopped'];

/** What runs the statement of metadata, or that of tags. */
type Statement<Value> = (
  cell: Database,
  uuid: string,
  change: Change<Value>,
  conditions: ChangeConditions,
  requestId: string,
) => Promise<Changed<Value> | undefined>;

/**
 * Changes metadata or tags of a server by their statement.
 * @param kept what its build request has of them.
 * @returns what was found and done. A change that is not done and not refused was none.
 * @throws NotFound when the server is gone, DatabaseUnreachable when its cell does not answer.
 */
export async function changeBy<Value>(
  statement: Statement<Value>,
  { uuid, cell, buildRequest }: InstanceMapping,
  kept: Value | undefined,
  change: Change<Value>,
  conditions: Omit<ChangeConditions, 'vm_states'>,
  requestId: string,
): Promise<Changed<Value>> {
  if (buildRequest && kept) {
    const { vm_state, locked } = buildRequest;
    return { vm_state, launched: false, locked, before: kept, after: kept, done: false };
  }
  const all = { ...conditions, vm_states: changeableIn };
  const changed =
    cell && (await inCell(cell.database_connection, 'changing', (database) => statement(database, uuid, change, all, requestId)));
  if (!changed) throw serverNotFound(uuid);
  return changed;
}
