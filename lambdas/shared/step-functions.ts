/** Starting executions. A name is used once: starting it twice starts it once. */
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { ConfiguredRetryStrategy } from '@smithy/core/retry';
import { inTime } from './in-time.ts';

/**
 * What is throttled is taken soon, and what is left to the reaper waits for minutes: so a start is sent again after at most a second, for as long as a
 * service has (`in-time.ts`).
 */
const retryStrategy = new ConfiguredRetryStrategy(20, (attempt) => Math.random() * Math.min(1_000, 100 * 2 ** attempt));

let client: SFNClient | undefined;

/** The input of an execution. The functions of a later release go on with it, and know its shape by the version. */
export interface ExecutionInput {
  version: number;
  [field: string]: unknown;
}

/**
 * Starts an execution; one of this name that runs, or ran, stays the only one.
 * @throws ServiceUnreachable when Step Functions does not take it, or does not answer in time.
 */
export async function startExecution(stateMachineArn: string, name: string, input: ExecutionInput): Promise<void> {
  client ??= new SFNClient({ retryStrategy });
  const sfn = client;
  const command = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
  await inTime((options) =>
    sfn.send(command, options).catch((error: unknown) => {
      if (!(error instanceof ExecutionAlreadyExists)) throw error;
    }),
  );
}
