/**
 * A host's truth about its guests, as Nova's `_sync_instance_power_state` has it: the power state is the guest's, and a server that must run or be paused is
 * stopped where its guest is off. One that must be stopped, but is not, is stopped on its host. Servers in a task, on another host or with another owner stay.
 */
import { namedUuid } from '../../common/uuid.ts';
import { applyPowerStates, type PowerRule, type ReportOfHost } from '../../database/cell/host-reports.ts';
import type { VmState } from '../../database/servers/document.ts';
import { inCell } from '../cells/reach.ts';
import { crashed, paused, running, shutDown, suspended } from '../servers/power-states.ts';
import { serverActions } from '../servers/tasks/actions.ts';
import type { Tasks } from '../servers/tasks/tasks.ts';
import { startOwnTask } from './start-own-task.ts';

const rule = (vm_state: VmState, correction: PowerRule['correction'], ...powerStates: number[]): PowerRule[] =>
  powerStates.map((power_state) => ({ vm_state, power_state, correction }));

/** Nova's table; of other servers, and of other guests, the power state is noted and nothing else. */
export const powerRules: readonly PowerRule[] = [
  ...rule('active', 'stopped', shutDown, crashed),
  ...rule('active', 'stop', suspended),
  ...rule('stopped', 'stop', running, paused, suspended),
  ...rule('paused', 'stopped', shutDown, crashed),
];

/**
 * Applies a report of a host; one that is not later than its last changes nothing. What the host must be asked to stop is lost when this stops half-way, and
 * found again in the host's next report.
 * @param cell URL of the database of the host's cell.
 */
export async function syncPowerStates(tasks: Tasks, cell: string, report: ReportOfHost): Promise<void> {
  // The same for each sending.
  const requestId = `req-${namedUuid(`${report.host} ${report.sequence}`)}`;
  const correction = { rules: powerRules, stopped: shutDown, requestId };
  const toStop = await inCell(cell, 'changing', (database) => applyPowerStates(database, report, correction));
  const action = serverActions.stop;
  await Promise.all(toStop.map(({ server, vm_state: vmState }) => startOwnTask(tasks, cell, { server, requestId, action, vmState })));
}
