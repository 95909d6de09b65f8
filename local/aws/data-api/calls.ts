/** What the Data API was asked, so that tests can count calls and traces can show them. Only the latest calls are kept. */

/** The five operations of the Data API, by the path they are posted to. */
export type Operation = 'Execute' | 'BatchExecute' | 'BeginTransaction' | 'CommitTransaction' | 'RollbackTransaction';

/** One call of the Data API, failed ones and repeats by the SDK included. */
export interface Call {
  /** From 1, in order of arrival. */
  readonly sequence: number;
  /** Name of the cluster: `api`, `cell0`, `cell1` and so on. */
  readonly cluster: string;
  readonly operation: Operation;
  /** The statement as the caller wrote it; empty when the operation has none. */
  readonly sql: string;
  /** Milliseconds on the clock of `performance.now()`. */
  readonly startedAt: number;
  /** Undefined while the call runs. */
  endedAt: number | undefined;
  /** Name of the error it was answered with. */
  error: string | undefined;
}

/** The calls of one Data API. */
export interface CallLog {
  /** The kept calls, oldest first. */
  all(): readonly Call[];
  /** A point in time for `since`. */
  mark(): number;
  /** Calls that arrived after a mark. */
  since(mark: number): readonly Call[];
  /** Drops all calls; marks stay valid. */
  clear(): void;
}

/** A log that its owner writes: a call is recorded as it arrives and completed when it is answered. */
export interface WritableCallLog extends CallLog {
  record(call: Pick<Call, 'cluster' | 'operation' | 'sql'>): Call;
}

const kept = 10_000;

/** Makes an empty log of the latest 10,000 calls. */
export function createCallLog(): WritableCallLog {
  let calls: Call[] = [];
  let sequence = 0;
  const latest = () => {
    calls = calls.slice(-kept);
    return calls;
  };
  return {
    all: latest,
    mark: () => sequence,
    since: (mark) => latest().filter((call) => call.sequence > mark),
    clear() {
      calls = [];
    },
    record(fields) {
      sequence += 1;
      const call = { sequence, ...fields, startedAt: performance.now(), endedAt: undefined, error: undefined };
      // Cutting once in a while costs less than moving the whole log for each call.
      if (calls.length >= 2 * kept) latest();
      calls.push(call);
      return call;
    },
  };
}

/**
 * Returns the longest chain of calls of which each began after the one before had ended: what a client waits for. Calls sent in parallel may by chance not
 * overlap and count as a chain; a `slow` fault on every call makes the number exact.
 */
export function depth(calls: readonly Call[]): number {
  const byEnd = calls.filter((call) => call.endedAt !== undefined).toSorted((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0));
  let length = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const call of byEnd) {
    if (call.startedAt < end) continue;
    length += 1;
    end = call.endedAt ?? end;
  }
  return length;
}
