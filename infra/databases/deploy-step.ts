/** Work that a deployment does itself: a function that runs when its stack is made, and again whenever its code or its settings change. */
import { CfnResource, Duration, Stack } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { logRetention, NodeFunction } from '../node-function.ts';
import { allowDatabase, type DatabaseAddress } from './database-access.ts';

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

const stepTime = Duration.seconds(timeouts.deploy);

/** A step of the deployment; when it fails, the stack rolls back. */
export class DeployStep extends Construct {
  readonly handler: NodeFunction;

  constructor(scope: Construct, id: string, { entry, environment, databases, after }: DeployStepProps) {
    super(scope, id);
    this.handler = new NodeFunction(this, 'Function', { entry, timeout: stepTime, environment });
    for (const database of databases) allowDatabase(this.handler, database);
    // What it runs is in its bundle and its environment, so a change of either is a new version, and runs.
    new Trigger(this, 'Trigger', { handler: this.handler, timeout: stepTime, executeAfter: [after] });
    keepTriggerLog(Stack.of(this));
  }
}

/** CDK's function behind the triggers of a stack would else write into a log that is kept for ever, even when the stack is gone. */
function keepTriggerLog(stack: Stack): void {
  if (stack.node.tryFindChild('TriggerLogs')) return;
  const logs = new LogGroup(stack, 'TriggerLogs', { retention: logRetention });
  const provider = stack.node.findChild('AWSCDK.TriggerCustomResourceProviderCustomResourceProvider').node.findChild('Handler');
  if (!CfnResource.isCfnResource(provider)) throw new Error('CDK runs triggers in another way');
  provider.addPropertyOverride('LoggingConfig.LogGroup', logs.logGroupName);
}
