/** The definitions and manifests of workflows say the same. */
import { expect, test } from 'vitest';
import { workflows } from '../../../lambdas/workflows/index.ts';
import type { Workflow } from '../../../lambdas/workflows/workflow.ts';
import { complete, readDefinition } from '../../../local/generate/definitions.ts';

const all = Object.entries<Workflow>(workflows);

test.each(all)('the definition of %s has the times and retries of its manifest: npm run generate', (_, workflow) => {
  const definition = readDefinition(workflow);
  expect(definition).toEqual(complete(definition, workflow));
});

test.each(all)('every function and every retry policy of %s is used', (_, workflow) => {
  const text = JSON.stringify(readDefinition(workflow));
  const placeholders = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
  expect(new Set(placeholders)).toEqual(new Set(Object.keys(workflow.functions)));
  for (const state of Object.keys(workflow.retries)) expect(text).toContain(`"${state}":{`);
});

test('a Task that the manifest does not have is refused', () => {
  const { functions, retries, definition } = workflows.boot;
  const { BuryServerInCell0: _, ...others } = retries;
  expect(() => complete(readDefinition(workflows.boot), { definition, functions, retries: others })).toThrow('BuryServerInCell0 is not in');
});
