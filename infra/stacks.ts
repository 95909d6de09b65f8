/**
 * Every stack of a deployment and the order between them. A database is a stack of its own, so that no change and no failure of one reaches another.
 * The control plane comes last, so that its code meets schemas that are there, but refers to no cell: it finds cells in `cell_mappings` and reaches them
 * by tag.
 */
import { type App, RemovalPolicies, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { ControlPlaneStack } from './control-plane/control-plane-stack.ts';
import { ApiDatabaseStack } from './databases/api-database-stack.ts';
import { CellStack } from './databases/cell-stack.ts';
import { NetworkStack } from './databases/network-stack.ts';
import { prefixOf, readSettings } from './settings.ts';

/**
 * Adds the stacks that the context of the app asks for. What AwsSolutions' rules find in them fails the synthesis, unless it is explained where it is made.
 * @throws ZodError when the context is wrong.
 */
export function addStacks(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const { cells, stage, publicUrl, simulatedHosts, simulation, settings, ...others } = readSettings(app);
  const prefix = prefixOf(stage);

  const { network } = new NetworkStack(app, `${prefix}-network`);
  const shared = { stage, network, postgresVersion: others.postgresVersion };
  const { apiCapacity, apiReader, cellCapacity } = others;
  const { database: api } = new ApiDatabaseStack(app, `${prefix}-api-database`, { ...shared, capacity: apiCapacity, reader: apiReader });
  const addCell = (name: string, hosts: number) =>
    new CellStack(app, `${prefix}-${name}`, { ...shared, capacity: cellCapacity, reader: false, api, name, simulatedHosts: hosts });
  const cellStacks = [addCell('cell0', 0), ...cells.map((name) => addCell(name, simulatedHosts))];

  // What is thrown away takes nothing from what stands beside it in the account.
  const concurrency = stage === 'production' ? others.lambdaConcurrency : 0;
  const controlPlane = new ControlPlaneStack(app, `${prefix}-control-plane`, {
    databases: { stage, api },
    publicUrl,
    concurrency,
    simulation,
    settings,
  });
  for (const cell of cellStacks) controlPlane.addStackDependency(cell);

  if (stage === 'throwaway') {
    for (const stack of app.node.children.filter(Stack.isStack)) RemovalPolicies.of(stack).destroy();
  }
}
