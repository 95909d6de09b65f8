/**
 * Every stack of a deployment and the order between them. A database is a stack of its own, so that no change and no failure of one reaches another;
 * the control plane depends on the api database and cell0 only: it finds live cells in `cell_mappings` and reaches them by tag.
 */
import { type App, RemovalPolicies, Stack } from 'aws-cdk-lib';
import { ControlPlaneStack } from './control-plane-stack.ts';
import { DatabaseStack } from './database-stack.ts';
import { readSettings } from './settings.ts';

/**
 * Adds the stacks that the context of the app asks for.
 * @throws ZodError when the context is wrong.
 */
export function addStacks(app: App): void {
  const { cells, stage, publicUrl } = readSettings(app);
  const prefix = stage === 'production' ? 'cellzero' : `${stage}-cellzero`;

  const api = new DatabaseStack(app, `${prefix}-api-database`, { stage, role: 'api', name: 'api' });
  const cell0 = new DatabaseStack(app, `${prefix}-cell0`, { stage, role: 'cell0', name: 'cell0' });
  for (const name of cells) new DatabaseStack(app, `${prefix}-${name}`, { stage, role: 'cell', name });

  const controlPlane = new ControlPlaneStack(app, `${prefix}-control-plane`, { databases: { stage, api: api.database }, publicUrl });
  // A burial needs cell0's schema, and nothing in the control plane refers to it.
  controlPlane.addStackDependency(cell0);

  if (stage === 'throwaway') {
    for (const stack of app.node.children.filter(Stack.isStack)) RemovalPolicies.of(stack).destroy();
  }
}
