/** What is being done to servers everywhere. Each task is noted in the api database, so only cells with something to do are asked. */
import { listNotedServers } from '../../../database/api/cells/pending-cleanups.ts';
import { type ServerInTask, listTasks as selectTasks } from '../../../database/cell/list-tasks.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { type CellFailure, inCells } from '../../cells/reach.ts';

/** A task, and where its server is. */
export interface TaskOfCell extends ServerInTask {
  cell: string;
}

/**
 * Returns the tasks of all cells, the longest under way first, and the cells that did not answer.
 * @throws a fault of ours in a cell.
 */
export async function listTasks(api: Database): Promise<{ tasks: TaskOfCell[]; failures: CellFailure[] }> {
  const { results, failures, faults } = await inCells(await listNotedServers(api), 'tending', ({ servers }, database) =>
    selectTasks(database, servers),
  );
  if (faults.length > 0) throw faults[0];
  const tasks = results.flatMap(({ cell, result }) => result.map((task) => ({ ...task, cell: cell.name })));
  return { tasks: tasks.toSorted((one, other) => one.asked.localeCompare(other.asked)), failures };
}
