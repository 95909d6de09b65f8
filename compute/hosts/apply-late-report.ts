/** The one place where reports of hosts arrive that come later. Each is applied by what it is about; one that comes twice, too late or out of order changes nothing. */
import { noteBuildProgress } from '../../database/cell/instances/build.ts';
import { noteProgress } from '../../database/cell/tasks.ts';
import { applyBuildReport, type ContinuedBoot } from '../boot/apply-build-report.ts';
import type { EndedBuild } from '../boot/build-on-host.ts';
import { inCell } from '../cells/reach.ts';
import { applyDestroyReport } from '../servers/end-deleted.ts';
import { applyMoveReport } from '../servers/moves/move-server.ts';
import { actionOf } from '../servers/tasks/actions.ts';
import { applyReport } from '../servers/tasks/apply-report.ts';
import type { Tasks } from '../servers/tasks/tasks.ts';
import type { HostReport, LateReport, ProgressReport } from './drivers/driver.ts';
import { syncPowerStates } from './power-sync.ts';
import { recoverHost } from './recover-host.ts';

/** What reports are applied with. */
export interface Reports extends Tasks {
  /** Starts the boot workflow under the name of the execution, once. */
  startBoot(boot: ContinuedBoot): Promise<void>;
}

/** Applies how far a host is; it takes nothing back, and changes nothing of what has ended. */
export async function applyProgress({ about, progress }: ProgressReport): Promise<void> {
  const { cell, server, host, fencing_token } = about;
  await inCell(cell, 'changing', async (database) => {
    if ('step' in progress) await noteBuildProgress(database, { uuid: server, fencing_token }, host, progress.step);
    else if ('task' in about) await noteProgress(database, { ...about.task, server }, progress.percent);
  });
}

/** Applies what a host says of itself. */
export async function applyHostReport(tasks: Tasks, { about, cell, ...report }: HostReport): Promise<void> {
  if (about === 'started') await recoverHost({ ...tasks, cell }, report);
  else await syncPowerStates(tasks, cell, report);
}

/** Applies a report; returns the build that it ended. */
export async function applyLateReport({ startBoot, ...tasks }: Reports, { about, report }: LateReport): Promise<EndedBuild | undefined> {
  const { api, driver } = tasks;
  switch (about.operation) {
    case 'spawn':
      return await applyBuildReport(driver, startBoot, { about, report });
    case 'destroy':
      await applyDestroyReport(api, { about, report });
      return undefined;
    default: {
      const action = actionOf(about.task.action, about.arguments.type);
      const { cell, server, operation, task } = about;
      if (action) await applyReport(tasks, cell, action, { ...task, server }, report);
      else await applyMoveReport(tasks, { ...task, server, cell, operation }, report.result === 'failure' ? report.message : null);
      return undefined;
    }
  }
}
