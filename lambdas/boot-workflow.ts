/** Starting the boot workflow: an execution is named after the reservation, so starting it twice starts it once. Its state holds ids, no user data. */
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { StartedBoot } from '../compute/reaper/reap.ts';
import { setting } from './environment.ts';

let client: SFNClient | undefined;

/**
 * Starts the boot of servers under the execution's name; one of this name that runs, or ran, stays the only one.
 * @throws the SDK's error when Step Functions does not take it.
 */
export async function startBoot({ execution, requestId, servers }: StartedBoot): Promise<void> {
  client ??= new SFNClient();
  try {
    await client.send(
      new StartExecutionCommand({
        stateMachineArn: setting('BOOT_STATE_MACHINE'),
        name: execution,
        input: JSON.stringify({ execution, request_id: requestId, servers }),
      }),
    );
  } catch (error) {
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
  }
}
