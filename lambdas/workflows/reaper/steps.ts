/** The one step of a scheduled reap. */
import { retryAlways, type Workflow } from '../workflow.ts';

/** A scheduled reap: it waits, then runs the reaper, for weeks if that fails. */
export const reaper = {
  definition: 'workflows/reaper/reaper.asl.json',
  functions: {
    // It asks only the cells where something is left to do, and a sleeping one takes its time.
    Reap: { entry: 'workflows/reaper/reap.ts', databases: ['api', 'cell0', 'cell'], timeout: 300 },
  },
  retries: { Reap: retryAlways(10_000, { first: 5, longest: 300 }) },
} satisfies Workflow;
