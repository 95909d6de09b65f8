/** Starting the boot workflow: an execution is named after the reservation, or after the build that failed. Its state holds ids, no user data. */
import type { ContinuedBoot } from '../../../compute/boot/apply-build-report.ts';
import type { StartedBoot } from '../../../compute/reaper/reap.ts';
import { setting } from '../../shared/environment.ts';
import { startExecution } from '../../shared/step-functions.ts';

/**
 * Starts the boot of servers under the execution's name, once.
 * @throws ServiceUnreachable when Step Functions does not take it.
 */
export function startBoot(boot: StartedBoot): Promise<void> {
  return start(boot.execution, boot);
}

/**
 * Starts the boot of a part of the servers of an execution, once. The execution stays their owner; Step Functions knows the part by the number of its first.
 * @throws ServiceUnreachable when Step Functions does not take it.
 */
export function startPart(boot: StartedBoot, first: number): Promise<void> {
  return start(`${boot.execution}-from-${first}`, boot);
}

async function start(name: string, { execution, requestId, servers }: StartedBoot): Promise<void> {
  await startExecution(setting('BOOT_STATE_MACHINE'), name, { version: 1, execution, request_id: requestId, servers });
}

/**
 * Starts an execution that goes on from a failed build, once.
 * @throws ServiceUnreachable when Step Functions does not take it.
 */
export async function continueBoot({ name, execution, requestId, servers, failed }: ContinuedBoot): Promise<void> {
  await startExecution(setting('BOOT_STATE_MACHINE'), name, { version: 1, execution, request_id: requestId, servers, failed });
}
