/** Runs some minutes after something was begun that may stop half-way, and again when the first of what is left to do is due. */
import { type Reaped, reap } from '../../../compute/reaper/reap.ts';
import { findUnfinishedWork } from '../../../compute/reaper/unfinished-work.ts';
import { apiDatabase } from '../../shared/database.ts';
import { hostDriver } from '../../shared/host-driver.ts';
import { type InvocationContext, log, measure, observed } from '../../shared/observation/invocation.ts';
import { settings } from '../../shared/settings.ts';
import { startDailyAudit } from '../audit/start.ts';
import { startBoot } from '../boot/start.ts';
import { scheduleReaperAgain, silence } from './schedule.ts';

async function run(): Promise<Reaped> {
  const api = apiDatabase();
  const reaped = await reap({ api, driver: hostDriver(), settings: settings(), startBoot, silence });
  const { unreachable, oldestTask, ...counts } = reaped;
  if (unreachable.length > 0 || Object.values(counts).some((count) => count > 0)) {
    log().info('reaped', { ...reaped });
  }
  measure('BootsStalled', reaped.restarted + reaped.resumed);
  measure('HostsSilent', reaped.overdue);
  measure('ServersReleased', reaped.released);
  measure('TasksResumed', reaped.tasks);
  measure('OldestTask', oldestTask);
  measure('OrphanedRowsPurged', reaped.purged);
  const { awaitingCell, dueIn } = await findUnfinishedWork(api, silence);
  measure('BurialsWaiting', awaitingCell);
  if (dueIn !== null) await scheduleReaperAgain(dueIn);
  await startDailyAudit();
  return reaped;
}

/** Finishes what was left unfinished. */
export const handler = (_event?: unknown, context?: InvocationContext): Promise<Reaped> => observed('reaper', context, run);
