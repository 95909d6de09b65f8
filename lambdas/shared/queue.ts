/** Messages for queues of SQS: what the deployment sends itself is at most what simulated hosts say later. */
import { sendSigned } from './signed-request.ts';

/** For how long SQS holds a message back at most, in seconds. */
export const longestDelay = 900;

/**
 * Puts a message into a queue, from which nobody gets it before `delay` seconds have passed, at most `longestDelay`.
 * @throws ServiceUnreachable when SQS does not take it, or does not answer in time; it may have it all the same.
 */
export async function sendMessage(queueUrl: string, message: object, delay: number): Promise<void> {
  const { AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL } = process.env;
  await sendSigned({
    service: 'sqs',
    endpoint: AWS_ENDPOINT_URL_SQS ?? AWS_ENDPOINT_URL ?? new URL(queueUrl).origin,
    target: 'AmazonSQS.SendMessage',
    body: { QueueUrl: queueUrl, MessageBody: JSON.stringify(message), DelaySeconds: delay },
  });
}
