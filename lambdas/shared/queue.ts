/**
 * Messages for queues of SQS. One operation of one service is asked, so it is one signed request: the SDK's client is 27 KB of every bundle that sends, and
 * what the deployment sends itself is at most what simulated hosts say later.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import { inTime } from './in-time.ts';

/** For how long SQS holds a message back at most, in seconds. */
export const longestDelay = 900;

/** How often a message is sent to a service that fails. */
const attempts = 3;

/**
 * Puts a message into a queue, from which nobody gets it before `delay` seconds have passed, at most `longestDelay`.
 * @throws ServiceUnreachable when SQS does not take it, or does not answer in time; it may have it all the same.
 */
export async function sendMessage(queueUrl: string, message: object, delay: number): Promise<void> {
  const body = JSON.stringify({ QueueUrl: queueUrl, MessageBody: JSON.stringify(message), DelaySeconds: delay });
  const { AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL } = process.env;
  const endpoint = AWS_ENDPOINT_URL_SQS ?? AWS_ENDPOINT_URL ?? new URL(queueUrl).origin;
  const { hostname, host, pathname, protocol, port } = new URL(endpoint);
  await inTime(async ({ abortSignal }) => {
    for (let attempt = 1; ; attempt++) {
      const { headers } = await signer().sign({
        method: 'POST',
        protocol,
        hostname,
        ...(port && { port: Number(port) }),
        path: pathname,
        headers: { host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
        body,
      });
      const response = await fetch(endpoint, { method: 'POST', headers, body, signal: abortSignal });
      const answer = await response.text();
      if (response.ok) return;
      if (response.status < 500 || attempt === attempts) throw new Error(`SQS answered ${response.status}: ${answer.slice(0, 500)}`);
      await sleep(100 * attempt, undefined, { signal: abortSignal });
    }
  });
}

/** Credentials of a function are in its environment, where Lambda renews them. */
function signer(): SignatureV4 {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION } = process.env;
  return new SignatureV4({
    service: 'sqs',
    region: AWS_REGION ?? '',
    sha256: Sha256,
    credentials: {
      accessKeyId: AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: AWS_SECRET_ACCESS_KEY ?? '',
      ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
    },
  });
}
