/** Has the reaper of a deployment run now: what an operator has just begun does not wait for the next scheduled reap. */
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';

/**
 * Starts a reap that waits for nothing.
 * @throws errors of AWS as they are.
 */
export async function wakeReaper(stateMachineArn: string): Promise<void> {
  const name = `reap-now-${Date.now()}`;
  await new SFNClient().send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify({ version: 1, seconds: 0 }) }));
}
