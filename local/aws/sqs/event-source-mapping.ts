/**
 * What Lambda does between a queue and a function: it hands over messages in batches, removes those that the function took, and leaves those that it names,
 * or all when it throws, to be received again.
 */
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { queueArn, region } from '../arns.ts';
import { md5Of, type Queue, type ReceivedMessage } from './queue.ts';

/** As many as Lambda hands over at once by default. */
const batchLength = 10;

/**
 * Hands the messages of a queue to a function, one batch after another, as they become visible. Returns a function that ends this, and waits for the batch
 * that is being worked on.
 */
export function mapQueue(queue: Queue, invoke: (event: SQSEvent) => Promise<SQSBatchResponse>): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  let stopped = false;

  const work = async () => {
    for (let batch = queue.receive(batchLength); batch.length > 0 && !stopped; batch = queue.receive(batchLength)) {
      const failed = await handOver(queue.name, batch, invoke);
      for (const { id, receipt } of batch) if (!failed.has(id)) queue.delete(receipt);
    }
  };
  const wake = () => {
    clearTimeout(timer);
    const next = queue.nextAt();
    if (stopped || next === undefined) return;
    timer = setTimeout(begin, Math.max(0, next - Date.now()));
  };
  const begin = () => {
    working = working.then(work).then(wake);
  };
  const silence = queue.onSend(wake);
  return async () => {
    stopped = true;
    silence();
    clearTimeout(timer);
    await working;
  };
}

/** Returns the ids of the messages that the function did not take. */
async function handOver(
  name: string,
  batch: readonly ReceivedMessage[],
  invoke: (event: SQSEvent) => Promise<SQSBatchResponse>,
): Promise<Set<string>> {
  try {
    const { batchItemFailures } = await invoke({ Records: batch.map((message) => recordOf(name, message)) });
    return new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  } catch {
    // The function has logged it.
    return new Set(batch.map(({ id }) => id));
  }
}

function recordOf(name: string, { id, receipt, body, received, sentAt }: ReceivedMessage): SQSEvent['Records'][number] {
  return {
    messageId: id,
    receiptHandle: receipt,
    body,
    attributes: {
      ApproximateReceiveCount: String(received),
      SentTimestamp: String(sentAt),
      SenderId: 'local',
      ApproximateFirstReceiveTimestamp: String(Date.now()),
    },
    messageAttributes: {},
    md5OfBody: md5Of(body),
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn(name),
    awsRegion: region,
  };
}
