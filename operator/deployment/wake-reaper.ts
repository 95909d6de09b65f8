/** Has the reaper of a deployment run: what an operator has just begun does not wait for the next scheduled reap. */
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';

/**
 * Starts a reap that waits for a number of seconds.
 * @throws errors of AWS as they are.
 */
export async function wakeReaper(stateMachineArn: string, seconds: number): Promise<void> {
  const name = `reap-by-command-${Date.now()}-${seconds}`;
  await new SFNClient().send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify({ version: 1, seconds }) }));
}
