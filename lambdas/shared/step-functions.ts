/** Starting executions. A name is used once: starting it twice starts it once. */
import { sendSigned } from './signed-request.ts';

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
  const { AWS_ENDPOINT_URL_SFN, AWS_ENDPOINT_URL, AWS_REGION } = process.env;
  const request = {
    service: 'states' as const,
    endpoint: AWS_ENDPOINT_URL_SFN ?? AWS_ENDPOINT_URL ?? `https://states.${AWS_REGION}.amazonaws.com`,
    target: 'AWSStepFunctions.StartExecution',
    body: { stateMachineArn, name, input: JSON.stringify(input) },
  };
  await sendSigned(request, ['ExecutionAlreadyExists']);
}
