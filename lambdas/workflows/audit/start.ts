/** The audit reads all databases and so wakes them: it follows the first run of the reaper of a day, which follows something begun, and a cloud that nobody uses sleeps. */
import { setting } from '../../shared/environment.ts';
import { startExecution } from '../../shared/step-functions.ts';

/** Starts the audit of this day (UTC), which its name allows once. */
export async function startDailyAudit(): Promise<void> {
  await startExecution(setting('AUDIT_STATE_MACHINE'), `audit-${new Date().toISOString().slice(0, 10)}`, { version: 1 });
}
