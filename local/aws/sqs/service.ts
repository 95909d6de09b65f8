/** The operations of SQS that put messages into a queue and take them out, in its JSON protocol. */
import * as z from 'zod';
import { AwsError, type AwsService } from '../server.ts';
import { md5Of, type Queue } from './queue.ts';

const longestBody = 1_048_576;
const longestDelay = 900;

const queueRequest = z.object({ QueueUrl: z.string() });
const sendRequest = queueRequest.extend({
  MessageBody: z.string().min(1),
  DelaySeconds: z.int().min(0).max(longestDelay).default(0),
});
const receiveRequest = queueRequest.extend({ MaxNumberOfMessages: z.int().min(1).max(10).default(1) });
const deleteRequest = queueRequest.extend({ ReceiptHandle: z.string() });

/** Serves SendMessage, ReceiveMessage (which does not wait) and DeleteMessage of queues, which a URL names by its end. */
export function sqsService(queues: readonly Queue[]): AwsService {
  const queueOf = ({ QueueUrl }: z.infer<typeof queueRequest>): Queue => {
    const queue = queues.find(({ name }) => QueueUrl.endsWith(`/${name}`));
    if (!queue) throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
    return queue;
  };
  const operations: Readonly<Record<string, (body: unknown) => object>> = {
    'AmazonSQS.SendMessage': (body) => {
      const request = sendRequest.parse(body);
      if (Buffer.byteLength(request.MessageBody) > longestBody) {
        throw new AwsError(
          'InvalidParameterValue',
          `One or more parameters are invalid. Reason: Message must be shorter than ${longestBody} bytes.`,
        );
      }
      const id = queueOf(request).send(request.MessageBody, request.DelaySeconds);
      return { MessageId: id, MD5OfMessageBody: md5Of(request.MessageBody) };
    },
    'AmazonSQS.ReceiveMessage': (body) => {
      const request = receiveRequest.parse(body);
      const received = queueOf(request).receive(request.MaxNumberOfMessages);
      return {
        Messages: received.map((message) => ({
          MessageId: message.id,
          ReceiptHandle: message.receipt,
          Body: message.body,
          MD5OfBody: md5Of(message.body),
        })),
      };
    },
    'AmazonSQS.DeleteMessage': (body) => {
      const request = deleteRequest.parse(body);
      queueOf(request).delete(request.ReceiptHandle);
      return {};
    },
  };
  const answer = async (operation: (body: unknown) => object, body: Buffer): Promise<string> => {
    try {
      return JSON.stringify(operation(JSON.parse(body.toString())));
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      throw new AwsError('InvalidParameterValue', error.message);
    }
  };
  return ({ target, body }) => {
    const operation = operations[target];
    return operation && answer(operation, body);
  };
}
