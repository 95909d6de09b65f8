/** Work that a deployment does itself: a function that runs when its stack is made, and again whenever its code or its settings change. */
import { Duration } from 'aws-cdk-lib';
import { Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { allowDatabase, type DatabaseAddress } from './database-access.ts';
import { NodeFunction } from './node-function.ts';

/** What distinguishes one step from another. */
export interface DeployStepProps {
  /** Path of the entry point below lambdas/. */
  entry: string;
  environment: Record<string, string>;
  /** What it may run statements in. */
  databases: readonly DatabaseAddress[];
  /** What must stand before it runs. */
  after: Construct;
}

/** A new or sleeping cluster answers late, and a migration may rewrite a table. */
const stepTime = Duration.minutes(10);

/** A step of the deployment; when it fails, the stack rolls back. */
export class DeployStep extends Construct {
  readonly handler: NodeFunction;

  constructor(scope: Construct, id: string, { entry, environment, databases, after }: DeployStepProps) {
    super(scope, id);
    this.handler = new NodeFunction(this, 'Function', { entry, timeout: stepTime, environment });
    for (const database of databases) allowDatabase(this.handler, database);
    // What it runs is in its bundle and its environment, so a change of either is a new version, and runs.
    new Trigger(this, 'Trigger', { handler: this.handler, timeout: stepTime, executeAfter: [after] });
  }
}
