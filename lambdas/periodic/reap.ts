/** Runs every minute, by timer. */
import type { Context } from 'aws-lambda';
import { type Reaped, reap } from '../../compute/reaper/reap.ts';
import { apiDatabase } from '../api-database.ts';
import { startBoot } from '../boot-workflow.ts';
import { hostDriver } from '../driver.ts';
import { log, measure, observed } from '../observe/invocation.ts';

/** A step keeps at it for some two minutes (its Lambda's time and the workflow's retries) before it gives a sign or an end; in seconds. */
const silence = 180;

async function run(): Promise<Reaped> {
  const reaped = await reap({ api: apiDatabase(), driver: hostDriver(), startBoot, silence });
  const { unreachable, ...counts } = reaped;
  if (unreachable.length > 0 || Object.values(counts).some((count) => count > 0)) {
    log().info('reaped', { ...reaped });
  }
  measure('BootsStalled', reaped.restarted + reaped.resumed);
  measure('ServersReleased', reaped.released);
  measure('StraysPurged', reaped.purged);
  measure('BurialsWaiting', reaped.waiting);
  return reaped;
}

/** Finishes what was left unfinished. */
export const handler = (_event?: unknown, context?: Context): Promise<Reaped> => observed('reaper', context, run);
