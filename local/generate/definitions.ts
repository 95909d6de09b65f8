/**
 * Writes into the definition of every workflow what its manifest says: how long each Task may take and how it is retried. `npm run generate` does it; a
 * test fails when a definition is not what it would be.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { workflows } from '../../lambdas/workflows/index.ts';
import type { Workflow } from '../../lambdas/workflows/workflow.ts';
import { definitionFile } from '../deployment/workflows.ts';

/** A state of the Amazon States Language, as far as it matters here. */
interface State {
  Type: string;
  Resource?: string;
  ItemProcessor?: Machine;
  [field: string]: unknown;
}

interface Machine {
  States: Record<string, State>;
}

/** Seconds by which a state outlives its function, so that the workflow learns how the function ended. */
const grace = 30;

/**
 * Returns a definition with the times and retries of its manifest.
 * @throws Error when a Task has no function or no retry policy there.
 */
export function complete(definition: Machine, workflow: Workflow): Machine {
  const states = Object.entries(definition.States).map(([name, state]): [string, State] => {
    if (state.ItemProcessor) return [name, { ...state, ItemProcessor: complete(state.ItemProcessor, workflow) }];
    if (state.Type !== 'Task') return [name, state];
    const func = workflow.functions[state.Resource?.slice(2, -1) ?? ''];
    const retrier = workflow.retries[name];
    if (!func || retrier === undefined) throw new Error(`${workflow.definition}: ${name} is not in the manifest`);
    return [name, { ...state, TimeoutSeconds: func.timeout + grace, ...(retrier && { Retry: [retrier] }) }];
  });
  return { ...definition, States: Object.fromEntries(states) };
}

/** Reads the definition of a workflow. */
export function readDefinition(workflow: Workflow): Machine {
  return JSON.parse(readFileSync(definitionFile(workflow), 'utf8'));
}

if (import.meta.main) {
  for (const workflow of Object.values(workflows)) {
    writeFileSync(definitionFile(workflow), JSON.stringify(complete(readDefinition(workflow), workflow), null, 2));
  }
}
