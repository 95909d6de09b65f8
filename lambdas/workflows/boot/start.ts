/** Starting the boot workflow: an execution is named after the reservation, or after the build that failed. Its state holds ids, no user data. */
import type { ContinuedBoot } from '../../../compute/boot/apply-build-report.ts';
import type { StartedBoot } from '../../../compute/reaper/reap.ts';
import { setting } from '../../shared/environment.ts';
import { startExecution } from '../../shared/step-functions.ts';

/**
 * Starts the boot of servers under the execution's name, once.
 * @throws ServiceUnreachable when Step Functions does not take it.
 */
export async function startBoot({ execution, requestId, servers }: StartedBoot): Promise<void> {
  await startExecution(setting('BOOT_STATE_MACHINE'), execution, { version: 1, execution, request_id: requestId, servers });
}

/**
 * Starts an execution that goes on from a failed build, once.
 * @throws ServiceUnreachable when Step Functions does not take it.
 */
export async function continueBoot({ name, execution, requestId, servers, failed }: ContinuedBoot): Promise<void> {
  await startExecution(setting('BOOT_STATE_MACHINE'), name, { version: 1, execution, request_id: requestId, servers, failed });
}
