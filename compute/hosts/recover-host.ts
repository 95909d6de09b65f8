/**
 * A host has started anew, and reports its guests as they are: what was under way there ends or goes on, and what it runs of servers that have left it is ended.
 * Each change names the task that it is about, so one that has ended meanwhile is left alone, and a report may be applied twice.
 */
import { randomUUID } from 'node:crypto';
import { findGuests, removeGuests } from '../../database/cell/guests-to-end.ts';
import { findReportedServers, noteReportOfHost, type ReportOfHost, type ServerOfHost } from '../../database/cell/host-reports.ts';
import { endTask, takeTaskAgain } from '../../database/cell/tasks.ts';
import { inCell } from '../cells/reach.ts';
import { endOnHost } from '../servers/end-deleted.ts';
import { running } from '../servers/power-states.ts';
import { actionOf, serverActions } from '../servers/tasks/actions.ts';
import { applyReport } from '../servers/tasks/apply-report.ts';
import { askHost } from '../servers/tasks/ask-host.ts';
import type { Tasks } from '../servers/tasks/tasks.ts';
import { recoveryOf } from './recovery.ts';
import { startOwnTask } from './start-own-task.ts';

/** What a recovery works with. */
interface Recovering extends Tasks {
  /** URL of the database of the host's cell. */
  cell: string;
  host: string;
}

const interrupted = 'The host was started anew.';

/**
 * Applies the report of a host that has started; one that is not later than its last changes nothing.
 * @throws what the driver throws when the host cannot be asked, DatabaseUnreachable when the cell does not answer; then the report is to be applied again.
 */
export async function recoverHost(recovering: Omit<Recovering, 'host'>, report: ReportOfHost): Promise<void> {
  const { driver, cell } = recovering;
  const { host } = report;
  const servers = await inCell(cell, 'changing', (database) => findReportedServers(database, report));
  if (!servers) return;
  await Promise.all(servers.map((server) => recoverServer({ ...recovering, host }, server)));
  await inCell(cell, 'changing', async (database) => {
    const guests = await findGuests(database, host);
    const ended: typeof guests = [];
    for (const guest of guests) if ((await endOnHost(driver, cell, { ...guest, uuid: guest.server })) === null) ended.push(guest);
    if (ended.length > 0) await removeGuests(database, ended);
    await noteReportOfHost(database, report);
  });
}

async function recoverServer(recovering: Recovering, server: ServerOfHost): Promise<void> {
  const { cell, host } = recovering;
  const { uuid, fencing_token, task, guest_state } = server;
  if (!task) return resumeGuest(recovering, server);
  const recovery = recoveryOf(server);
  const name = { server: uuid, action: task.action, request_id: task.request_id, attempt: task.attempt };
  const end = (left: { vm_state?: 'active' | 'error'; power_state?: number }, failure: string | null) =>
    inCell(cell, 'changing', (database) =>
      endTask(database, name, { vm_state: left.vm_state ?? null, power_state: left.power_state ?? null, launched: false, failure }),
    );
  switch (recovery?.does) {
    case 'fail':
    case 'clear': {
      const action = actionOf(task.action, task.arguments.type);
      // A build is no action of a client's, and leaves ERROR.
      if (!action) await end({ vm_state: 'error' }, interrupted);
      else await applyReport(recovering, cell, action, name, { result: 'failure', message: interrupted });
      return;
    }
    case 'activate':
      await end({ vm_state: 'active', power_state: guest_state }, server.task_state === 'pausing' ? interrupted : null);
      return;
    case 'reboot':
    case 'repeat': {
      const type = recovery.does === 'reboot' ? recovery.type : task.arguments.type;
      const action = actionOf(task.action, type);
      if (!action) return;
      const again = { arguments: { ...task.arguments, ...(type && { type }) }, taskState: action.taskState };
      const attempt = await inCell(cell, 'changing', (database) => takeTaskAgain(database, name, again));
      if (attempt === undefined) return;
      const guest = { server: uuid, host, fencing_token, cell };
      await askHost(recovering, action, { ...guest, task: { ...name, attempt }, arguments: again.arguments });
    }
  }
}

/** A guest that was running before its host started is started again, if the deployment wants that. */
async function resumeGuest(recovering: Recovering, server: ServerOfHost): Promise<void> {
  const { uuid, vm_state, task_state, power_state, guest_state } = server;
  const shallRun = vm_state === 'active' && task_state === null && power_state === running && guest_state !== running;
  if (!shallRun || !recovering.settings.resume_guests_state_on_host_boot) return;
  const reboot = { requestId: `req-${randomUUID()}`, action: serverActions.hardReboot, vmState: 'active' } as const;
  await startOwnTask(recovering, recovering.cell, { server: uuid, ...reboot });
}
