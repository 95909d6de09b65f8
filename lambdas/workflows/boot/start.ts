/** Starting the boot workflow: an execution is named after the reservation. Its state holds ids, no user data. */
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
