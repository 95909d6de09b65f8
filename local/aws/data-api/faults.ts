/** The switch for what goes wrong between a caller and its database: before a statement, after it, or for as long as a cluster is asleep or down. */

import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerLost } from '../server.ts';
import type { Call, Operation } from './calls.ts';
import { type DataApiErrorName, dataApiError } from './errors.ts';

/** Which calls a fault matches; every member narrows. */
export interface FaultMatch {
  /** Name of the cluster. */
  readonly cluster?: string;
  readonly operation?: Operation;
  /** A part of the statement, or a test of it. */
  readonly sql?: string | ((sql: string) => boolean);
  /** Only the n-th matching call from now, from 1; without it every matching call until the fault is lifted. */
  readonly nth?: number;
}

/** What happens to a call that a fault matches. */
export type FaultEffect =
  /** The statement does not run; by default with InternalServerErrorException. */
  | { readonly kind: 'before'; readonly error?: DataApiErrorName }
  /** The statement runs and commits and the caller gets no answer: an error instead, or without one a cut connection. */
  | { readonly kind: 'after'; readonly error?: DataApiErrorName }
  /** DatabaseResumingException; with `milliseconds` until that long after the first call, which is what wakes a paused cluster. */
  | { readonly kind: 'paused'; readonly milliseconds?: number }
  /** The call waits first. */
  | { readonly kind: 'slow'; readonly milliseconds: number }
  /** The statement does not run and nothing is answered, ever. */
  | { readonly kind: 'hangs' }
  /** DatabaseUnavailableException. */
  | { readonly kind: 'down' };

/** A fault in force. */
export interface Fault {
  /** How many calls it has matched. */
  readonly hits: number;
  /** Ends it. */
  lift(): void;
}

/** The faults of one Data API. */
export interface Faults {
  /** Puts a fault in force. Faults are asked in the order they were added; the first that fails a call decides. */
  add(rule: FaultMatch & FaultEffect): Fault;
  /** Lifts all faults. */
  clear(): void;
}

/** Faults as the Data API consults them around a statement. */
export interface FaultPoints extends Faults {
  /**
   * Waits or fails as the faults in force say, before the statement runs. Returns what to do once it has run.
   * @throws AwsError
   */
  apply(call: Call): Promise<() => void>;
}

interface ActiveFault extends Fault {
  readonly rule: FaultMatch & FaultEffect;
  hits: number;
  seen: number;
  wakesAt: number | undefined;
}

const nothing = () => {};

/** Makes a switch with no fault in force. */
export function createFaults(): FaultPoints {
  const active = new Set<ActiveFault>();
  return {
    add(rule) {
      const fault: ActiveFault = { rule, hits: 0, seen: 0, wakesAt: undefined, lift: () => active.delete(fault) };
      active.add(fault);
      return fault;
    },
    clear: () => active.clear(),
    async apply(call) {
      // All counts move before the first wait, so that "the n-th call" means the order of arrival.
      const matched = [...active].filter((fault) => counts(fault, call));
      for (const fault of matched) await before(fault);
      const after = matched.find(({ rule }) => rule.kind === 'after')?.rule;
      return after?.kind === 'after' ? () => lose(after.error) : nothing;
    },
  };
}

function counts(fault: ActiveFault, call: Call): boolean {
  const { cluster, operation, sql, nth } = fault.rule;
  if (cluster !== undefined && cluster !== call.cluster) return false;
  if (operation !== undefined && operation !== call.operation) return false;
  if (typeof sql === 'string' && !call.sql.includes(sql)) return false;
  if (typeof sql === 'function' && !sql(call.sql)) return false;
  fault.seen += 1;
  if (nth !== undefined && fault.seen >= nth) fault.lift();
  if (nth !== undefined && fault.seen !== nth) return false;
  if (fault.rule.kind === 'paused' && isAwake(fault, fault.rule.milliseconds)) return false;
  fault.hits += 1;
  return true;
}

function isAwake(fault: ActiveFault, milliseconds = Number.POSITIVE_INFINITY): boolean {
  fault.wakesAt ??= performance.now() + milliseconds;
  if (performance.now() < fault.wakesAt) return false;
  fault.lift();
  return true;
}

async function before({ rule }: ActiveFault): Promise<void> {
  switch (rule.kind) {
    case 'slow':
      await sleep(rule.milliseconds);
      return;
    case 'hangs':
      return await new Promise(() => {});
    case 'before':
      throw dataApiError(rule.error ?? 'InternalServerErrorException', 'a fault before the statement');
    case 'paused':
      throw dataApiError(
        'DatabaseResumingException',
        'The Aurora DB instance is resuming after being auto-paused. Please wait and try again.',
      );
    case 'down':
      throw dataApiError('DatabaseUnavailableException', 'The writer instance in the DB cluster is not available.');
    case 'after':
      return;
  }
}

function lose(error: DataApiErrorName | undefined): never {
  if (error) throw dataApiError(error, 'a fault after the statement');
  throw new AnswerLost('the answer is lost');
}
