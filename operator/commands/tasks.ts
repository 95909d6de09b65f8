/** `cellzero tasks`: what is being done to servers, and since when. */
import type { Command } from 'commander';
import { listTasks, type TaskOfCell } from '../../compute/servers/tasks/list-tasks.ts';
import { type CommonOptions, helpEnd, type Perform, part } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { table, visible } from '../output/table.ts';

/** Adds `cellzero tasks`. */
export function addTasks(root: Command, perform: Perform): void {
  part(root, 'tasks')
    .summary('list what is being done to servers')
    .description(
      'Lists the actions of servers that have not ended, and the builds that hosts have begun: the longest under way first, and when each is due. What is overdue the reaper ends within minutes.',
    )
    .addHelpText('after', helpEnd('  cellzero tasks\n  cellzero tasks --json', 'success, also when nothing is under way'))
    .action((options: CommonOptions) =>
      perform(options, async (api) => {
        const { tasks, failures } = await listTasks(api);
        const warnings = failures.map(({ cell, reason }) => `${cell} could not be asked: ${visible(reason)}`);
        return { json: tasks, text: () => tasksText(tasks), code: exitCodes.success, warnings };
      }),
    );
}

function tasksText(tasks: readonly TaskOfCell[]): string {
  if (tasks.length === 0) return 'Nothing is being done to any server.';
  const rows = tasks.map(({ server, name, action, cell, host, asked, ...task }) => [
    ...[server, name ?? '', action, cell, host ?? '', asked, progressOf(task)],
  ]);
  return table(['Server', 'Name', 'Action', 'Cell', 'Host', 'Host asked', 'Progress'], rows);
}

function progressOf({ attempt, due }: Pick<TaskOfCell, 'attempt' | 'due'>): string {
  if (due === null) return `not begun, attempt ${attempt}`;
  return Date.parse(due) > Date.now() ? `begun, due ${due}` : `begun, overdue since ${due}`;
}
