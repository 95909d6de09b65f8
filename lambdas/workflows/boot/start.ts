/** Starting the boot workflow: an execution is named after the reservation, or after the build that failed. Its state holds ids, no user data. */
import type { StartedBoot } from '../../../compute/reaper/reap.ts';
import { setting } from '../../shared/environment.ts';
import { startExecution } from '../../shared/step-functions.ts';

/**
 * Starts the boot of servers under the execution's name, or goes on with one from a failed build under a name of its own, once.
 * @throws ServiceUnreachable when Step Functions does not take it.
 */
export function startBoot(boot: StartedBoot): Promise<void> {
  return start(boot.name ?? boot.execution, boot);
}

/**
 * Starts the boot of a part of the servers of an execution, once. The execution stays their owner; Step Functions knows the part by the number of its first.
 * @throws ServiceUnreachable when Step Functions does not take it.
 */
export function startPart(boot: StartedBoot, first: number): Promise<void> {
  return start(`${boot.execution}-from-${first}`, boot);
}

async function start(name: string, { execution, requestId, servers, failed }: StartedBoot): Promise<void> {
  const input = { version: 1, execution, request_id: requestId, servers, ...(failed && { failed }) };
  await startExecution(setting('BOOT_STATE_MACHINE'), name, input);
}
