/** Starting the boot workflow: an execution is named after the reservation. Its state holds ids, no user data. */
import { setting } from './environment.ts';
import { startExecution } from './step-functions.ts';

/**
 * Starts the boot of servers under the execution's name, once.
 * @throws the SDK's error when Step Functions does not take it.
 */
export async function startBoot({ execution, servers }: { execution: string; servers: readonly string[] }): Promise<void> {
  await startExecution(setting('BOOT_STATE_MACHINE'), execution, { execution, servers });
}
