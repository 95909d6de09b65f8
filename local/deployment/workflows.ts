/** Workflows in this process: the definition and the modules of the entry points that a manifest names. */
import { fileURLToPath } from 'node:url';
import type { Workflow } from '../../lambdas/workflows/workflow.ts';
import type { Functions } from '../aws/functions.ts';
import type { Task } from '../aws/step-functions/step-functions.ts';

const lambdas = new URL('../../lambdas/', import.meta.url).href;

/** Returns the path of the definition of a workflow. */
export function definitionFile({ definition }: Workflow): string {
  return fileURLToPath(`${lambdas}${definition}`);
}

/** Loads the functions of a workflow, by their placeholders. */
export async function loadFunctions(lambda: Functions, { functions }: Workflow): Promise<Record<string, Task>> {
  const loaded = Object.entries(functions).map(async ([name, { entry, timeout }]): Promise<[string, Task]> => {
    const module: { handler: Task } = await import(`${lambdas}${entry}`);
    return [name, lambda.of<unknown, unknown>(module.handler, timeout)];
  });
  return Object.fromEntries(await Promise.all(loaded));
}
