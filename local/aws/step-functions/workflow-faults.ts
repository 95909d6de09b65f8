/** The switch for what goes wrong with a step of a workflow: its function never starts, or it runs and nobody learns of it. */

/** Which runs of a Task fail, and how. */
export interface TaskFaultRule {
  /** Name of the state. */
  readonly state: string;
  /** `before` its function runs, or `after` it ran, so that its result is lost. */
  readonly when: 'before' | 'after';
  /** Only the n-th run from now, from 1, repeats included; without it every run until the fault is lifted. */
  readonly nth?: number;
  /** Name of the error the state fails with; by default AWS's for a function that crashed. */
  readonly error?: string;
}

/** A fault in force. */
export interface TaskFault {
  /** How many runs it has failed. */
  readonly hits: number;
  /** Ends it. */
  lift(): void;
}

/** The faults of one workflow. */
export interface TaskFaults {
  add(rule: TaskFaultRule): TaskFault;
  /** Lifts all faults. */
  clear(): void;
}

interface ActiveFault extends TaskFault {
  readonly rule: TaskFaultRule;
  hits: number;
  seen: number;
}

/** Fails a run of a state at one of its two ends when a fault says so. */
export type FaultPoint = (when: TaskFaultRule['when']) => void;

/** Makes a switch with no fault in force. `arrive` counts a run of a state and returns its points. */
export function createTaskFaults(): TaskFaults & { arrive(state: string): FaultPoint } {
  const active = new Set<ActiveFault>();
  return {
    add(rule) {
      const fault: ActiveFault = { rule, hits: 0, seen: 0, lift: () => active.delete(fault) };
      active.add(fault);
      return fault;
    },
    clear: () => active.clear(),
    arrive(state) {
      const matched = [...active].filter((fault) => fault.rule.state === state && counts(fault));
      return (when) => {
        const fault = matched.find(({ rule }) => rule.when === when);
        if (!fault) return;
        fault.hits += 1;
        const error = new Error(`a fault ${when} ${state}`);
        error.name = fault.rule.error ?? 'Lambda.Unknown';
        throw error;
      };
    },
  };
}

function counts(fault: ActiveFault): boolean {
  fault.seen += 1;
  const { nth } = fault.rule;
  if (nth !== undefined && fault.seen >= nth) fault.lift();
  return nth === undefined || fault.seen === nth;
}
