/** Starting executions. A name is used once: starting it twice starts it once. */
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { inTime } from './in-time.ts';

let client: SFNClient | undefined;

/**
 * Starts an execution; one of this name that runs, or ran, stays the only one.
 * @throws ServiceUnreachable when Step Functions does not take it, or does not answer in time.
 */
export async function startExecution(stateMachineArn: string, name: string, input: object): Promise<void> {
  client ??= new SFNClient();
  const sfn = client;
  const command = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
  await inTime((options) =>
    sfn.send(command, options).catch((error: unknown) => {
      if (!(error instanceof ExecutionAlreadyExists)) throw error;
    }),
  );
}
