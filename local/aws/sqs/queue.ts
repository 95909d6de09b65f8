/** A standard queue of SQS in memory: a message is there until it is deleted, hidden for a while from others when it was received, and dead when that was too often. */
import { createHash, randomUUID } from 'node:crypto';

/** A message. Times are milliseconds since 1970. */
interface Message {
  readonly id: string;
  readonly body: string;
  readonly sentAt: number;
  visibleAt: number;
  received: number;
  /** Of the last time that it was received; an earlier one deletes it too, as in SQS. */
  receipt: string;
}

/** A message as a consumer gets it. */
export interface ReceivedMessage {
  id: string;
  receipt: string;
  body: string;
  received: number;
  sentAt: number;
}

/** How a queue behaves. Seconds. */
export interface QueueSettings {
  name: string;
  visibilityTimeout: number;
  /** After how many times a message that was received again and again goes to the dead letter queue. */
  maxReceiveCount: number;
}

/** A queue. */
export interface Queue {
  readonly name: string;
  /** Puts a message in; nobody gets it before `delay` seconds have passed. Returns its id. */
  send(body: string, delay: number): string;
  /** Returns at most `most` messages that are visible, which nobody else gets until their visibility timeout has passed. */
  receive(most: number): ReceivedMessage[];
  /** Removes a message that was received. */
  delete(receipt: string): void;
  /** When the next message can be received; undefined when there is none. */
  nextAt(): number | undefined;
  /** Bodies of the messages that nobody could work on. */
  readonly deadLetters: readonly string[];
  /** Calls back whenever a message was sent; returns a function that ends that. */
  onSend(listener: () => void): () => void;
}

/** Makes an empty queue. */
export function createQueue({ name, visibilityTimeout, maxReceiveCount }: QueueSettings): Queue {
  const messages = new Map<string, Message>();
  const deadLetters: string[] = [];
  const listeners = new Set<() => void>();
  return {
    name,
    deadLetters,
    send(body, delay) {
      const id = randomUUID();
      messages.set(id, { id, body, sentAt: Date.now(), visibleAt: Date.now() + delay * 1_000, received: 0, receipt: '' });
      for (const listener of listeners) listener();
      return id;
    },
    receive(most) {
      const received: ReceivedMessage[] = [];
      for (const message of messages.values()) {
        if (received.length === most) break;
        if (message.visibleAt > Date.now()) continue;
        if (message.received === maxReceiveCount) {
          messages.delete(message.id);
          deadLetters.push(message.body);
          continue;
        }
        message.received += 1;
        message.visibleAt = Date.now() + visibilityTimeout * 1_000;
        message.receipt = `${message.id}:${message.received}`;
        received.push({ ...message });
      }
      return received;
    },
    delete(receipt) {
      messages.delete(receipt.slice(0, receipt.indexOf(':')));
    },
    nextAt() {
      return messages.size === 0 ? undefined : Math.min(...[...messages.values()].map(({ visibleAt }) => visibleAt));
    },
    onSend(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Returns what SQS answers of a body, by which its clients know that it came through whole. */
export function md5Of(body: string): string {
  return createHash('md5').update(body).digest('hex');
}
