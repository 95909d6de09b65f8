/** A task that a report of a host makes necessary, and nobody asks for. */
import { findInstanceMappingToChange } from '../../database/api/servers/instance-mappings.ts';
import type { VmState } from '../../database/servers/document.ts';
import type { ServerAction } from '../servers/tasks/actions.ts';
import { startTask } from '../servers/tasks/start-task.ts';
import type { Tasks } from '../servers/tasks/tasks.ts';

/**
 * Starts it, where the server is still in this state and nothing is done to it. The server is noted first, so that a reaper ends the task whatever happens here.
 * @param cell URL of the database of the server's cell.
 * @throws what kept its host from being asked, DatabaseUnreachable when a database does not answer.
 */
export async function startOwnTask(
  tasks: Tasks,
  cell: string,
  { server, requestId, action, vmState }: { server: string; requestId: string; action: ServerAction; vmState: VmState },
): Promise<void> {
  const mapping = await findInstanceMappingToChange(tasks.api, server, null);
  if (!mapping || mapping.generation === null) return;
  const { error } = await startTask(tasks, cell, {
    ...{ server, note: mapping.generation, requestId, action, userId: null, projectId: null, arguments: {} },
    precondition: { unlocked: false, hosted: false, vmStates: [vmState], taskStates: [null] },
  });
  if (error) throw error;
}
