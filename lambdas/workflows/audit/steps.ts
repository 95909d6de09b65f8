/** The one step of an audit. */
import { retryAlways, type Workflow } from '../workflow.ts';

/** An audit of all databases. */
export const audit = {
  definition: 'workflows/audit/audit.asl.json',
  functions: {
    Audit: { entry: 'workflows/audit/audit.ts', databases: ['api', 'cell0', 'cell'], timeout: 900 },
  },
  retries: { Audit: retryAlways(3, { first: 60, longest: 300 }) },
} satisfies Workflow;
