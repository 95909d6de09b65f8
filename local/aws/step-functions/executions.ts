/** The executions of a state machine: the running ones and the latest that ended. They are lost with the process. */

/** How an execution stands. */
export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** An execution of a state machine. Times are milliseconds since 1970. */
export interface Execution {
  readonly name: string;
  readonly arn: string;
  /** JSON text, as it was given. */
  readonly input: string;
  readonly startedAt: number;
  status: ExecutionStatus;
  stoppedAt: number | undefined;
  /** JSON text, of an execution that succeeded. */
  output: string | undefined;
  error: string | undefined;
  cause: string | undefined;
  abort(): void;
  /** Settles when the execution has ended, however it ended. */
  ended: Promise<void>;
}

/** Executions by name. */
export interface Executions {
  get(name: string): Execution | undefined;
  add(execution: Execution): void;
  /** Newest first. */
  list(status?: ExecutionStatus): Execution[];
}

const keptEnded = 1_000;

/** Makes an empty list that keeps every running execution and the latest 1,000 others. */
export function createExecutions(): Executions {
  const byName = new Map<string, Execution>();
  const ended: string[] = [];
  const retire = (name: string) => {
    ended.push(name);
    const oldest = ended.length > keptEnded ? ended.shift() : undefined;
    if (oldest !== undefined) byName.delete(oldest);
  };
  return {
    get: (name) => byName.get(name),
    add(execution) {
      byName.set(execution.name, execution);
      void execution.ended.then(() => retire(execution.name));
    },
    list: (status) => [...byName.values()].reverse().filter((execution) => status === undefined || execution.status === status),
  };
}
