/** The one place where reports of hosts arrive that come later. Each is applied by what it is about; one that comes twice, too late or out of order changes nothing. */
import { noteBuildProgress } from '../../database/cell/instances/build.ts';
import { noteProgress } from '../../database/cell/tasks.ts';
import type { Database } from '../../database/data-api/client.ts';
import { applyBuildReport, type ContinuedBoot } from '../boot/apply-build-report.ts';
import type { EndedBuild } from '../boot/build-on-host.ts';
import { inCell } from '../cells/reach.ts';
import { applyDestroyReport } from '../servers/end-deleted.ts';
import { actionOf } from '../servers/tasks/actions.ts';
import { applyReport } from '../servers/tasks/apply-report.ts';
import type { Settings } from '../settings.ts';
import type { Driver, HostReport, LateReport, ProgressReport } from './drivers/driver.ts';
import { syncPowerStates } from './power-sync.ts';
import { recoverHost } from './recover-host.ts';

/** What reports are applied with. */
export interface Reports {
  api: Database;
  driver: Driver;
  settings: Settings;
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
export async function applyHostReport(
  { api, driver, settings }: Pick<Reports, 'api' | 'driver'> & { settings: Settings },
  { about, cell, ...report }: HostReport,
): Promise<void> {
  if (about === 'started') await recoverHost({ api, driver, settings, cell }, report);
  else await syncPowerStates(api, driver, settings, cell, report);
}

/** Applies a report; returns the build that it ended. */
export async function applyLateReport(
  { api, driver, settings, startBoot }: Reports,
  { about, report }: LateReport,
): Promise<EndedBuild | undefined> {
  switch (about.operation) {
    case 'spawn':
      return await applyBuildReport(driver, startBoot, { about, report });
    case 'destroy':
      await applyDestroyReport(api, { about, report });
      return undefined;
    default: {
      const action = actionOf(about.task.action, about.arguments.type);
      if (action) await applyReport({ api, settings }, about.cell, action, { ...about.task, server: about.server }, report);
      return undefined;
    }
  }
}
