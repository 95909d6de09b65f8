/** What the boot workflow did, by server: every run of a state, in order. */
import * as z from 'zod';
import type { StepFunctions } from '../aws/step-functions/step-functions.ts';

/** A state of the workflow that ran for a server. */
export interface StepRun {
  state: string;
  milliseconds: number;
  /** The error it failed with. */
  error: Error | undefined;
}

/** The runs so far of executions for one server each. */
export interface Trace {
  of(server: string): readonly StepRun[];
  stop(): void;
}

const start = z.object({ servers: z.array(z.string()) });

/** Listens to a workflow. */
export function traceWorkflow(workflow: StepFunctions): Trace {
  const servers = new Map<string, string>();
  const runs = new Map<string, StepRun[]>();
  const stop = workflow.onTask(({ execution, state, phase, input, error, milliseconds }) => {
    if (phase === 'entered') {
      const [server] = start.safeParse(input).data?.servers ?? [];
      if (server !== undefined) servers.set(execution, server);
      return;
    }
    const server = servers.get(execution) ?? '';
    const failure = phase === 'failed' ? (error instanceof Error ? error : new Error(String(error))) : undefined;
    runs.set(server, [...(runs.get(server) ?? []), { state, milliseconds, error: failure }]);
  });
  return { of: (server) => runs.get(server) ?? [], stop };
}
