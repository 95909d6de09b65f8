import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSEvent } from 'aws-lambda';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { sendMessage } from '../../../lambdas/shared/queue.ts';
import { queueUrl } from '../../../local/aws/arns.ts';
import { type Aws, startAws } from '../../../local/aws/server.ts';
import { mapQueue } from '../../../local/aws/sqs/event-source-mapping.ts';
import { createQueue, md5Of, type Queue } from '../../../local/aws/sqs/queue.ts';
import { sqsService } from '../../../local/aws/sqs/service.ts';

let aws: Aws;
let queue: Queue;
let url: string;
const before = { ...process.env };
beforeEach(async () => {
  queue = createQueue({ name: 'reports', visibilityTimeout: 0.1, maxReceiveCount: 3 });
  aws = await startAws({ services: [sqsService([queue])] });
  Object.assign(process.env, aws.environment);
  url = queueUrl(aws.url, 'reports');
});
afterEach(async () => {
  await aws.close();
  process.env = before;
});

/** Calls an operation as a client of the JSON protocol does. */
async function call(operation: string, body: object): Promise<{ status: number; answer: Record<string, unknown> }> {
  const headers = { 'x-amz-target': `AmazonSQS.${operation}`, 'content-type': 'application/x-amz-json-1.0' };
  const response = await fetch(aws.url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, answer: JSON.parse(await response.text()) };
}

it('a message is received, hidden, received again when nobody deletes it, and gone when somebody does', async () => {
  await sendMessage(url, { n: 1 }, 0);
  const receive = async () =>
    (await call('ReceiveMessage', { QueueUrl: url, MaxNumberOfMessages: 10 })).answer.Messages as {
      Body: string;
      MD5OfBody: string;
      ReceiptHandle: string;
    }[];
  const [message] = await receive();
  expect(message).toMatchObject({ Body: '{"n":1}', MD5OfBody: md5Of('{"n":1}') });
  expect(await receive()).toEqual([]);
  await sleep(120);
  const [again] = await receive();
  expect(again?.Body).toBe('{"n":1}');
  await call('DeleteMessage', { QueueUrl: url, ReceiptHandle: again?.ReceiptHandle });
  await sleep(120);
  expect(await receive()).toEqual([]);
});

it('a delayed message comes later', async () => {
  await sendMessage(url, {}, 1);
  expect(queue.receive(1)).toEqual([]);
  expect((queue.nextAt() ?? 0) - Date.now()).toBeGreaterThan(800);
});

it('refuses what SQS refuses', async () => {
  await expect(sendMessage(url, {}, 901)).rejects.toMatchObject({
    name: 'ServiceUnreachable',
    message: expect.stringContaining('InvalidParameterValue'),
  });
  await expect(sendMessage(url.replace('reports', 'others'), {}, 0)).rejects.toThrow('QueueDoesNotExist');
  expect((await call('SendMessage', { QueueUrl: url, MessageBody: '' })).status).toBe(400);
});

it('the requests are signed', async () => {
  const sent = vi.spyOn(globalThis, 'fetch');
  onTestFinished(() => sent.mockRestore());
  await sendMessage(url, {}, 0);
  const { authorization } = Object(sent.mock.calls[0]?.[1]?.headers);
  expect(authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=local\/\d{8}\/us-east-1\/sqs\/aws4_request, SignedHeaders=content-type;host;.*x-amz-target, Signature=[0-9a-f]{64}$/,
  );
});

it('a function gets batches, again what it names as failed, and what it never takes is dead', async () => {
  const bodies: string[][] = [];
  const stop = mapQueue(queue, async ({ Records }: SQSEvent) => {
    bodies.push(Records.map(({ body }) => body));
    const failed = Records.filter(
      ({ body, attributes }) => body.includes('never') || (body.includes('twice') && attributes.ApproximateReceiveCount === '1'),
    );
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  });
  onTestFinished(stop);
  for (const text of ['once', 'twice', 'never']) await sendMessage(url, { text }, 0);
  await expect.poll(() => queue.deadLetters).toEqual(['{"text":"never"}']);
  const all = bodies.flat();
  const times = (text: string) => all.filter((body) => body.includes(text)).length;
  expect([times('once'), times('twice'), times('never')]).toEqual([1, 2, 3]);
  expect(queue.nextAt()).toBeUndefined();
});

it('a function that throws gets the whole batch again', async () => {
  let calls = 0;
  const stop = mapQueue(queue, async () => {
    calls += 1;
    if (calls === 1) throw new Error('no');
    return { batchItemFailures: [] };
  });
  onTestFinished(stop);
  await sendMessage(url, {}, 0);
  await expect.poll(() => [calls, queue.nextAt()]).toEqual([2, undefined]);
});
