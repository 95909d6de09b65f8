/** The reaper: a function that finishes what a workflow or a delete left unfinished, and the watch, which runs it some time after something was begun. */
import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { allowDatabases, type Databases } from '../databases/database-access.ts';
import { NodeFunction } from '../node-function.ts';
import { Workflow, workflowName } from './workflow.ts';

const definition = 'workflows/reaper/watch';

/** The reaper and its watch. */
export class Reaper extends Construct {
  /** What starts the reaper. */
  readonly watch: Workflow;
  readonly reap: NodeFunction;

  constructor(scope: Construct, id: string, { databases, boot, audit }: { databases: Databases; boot: Workflow; audit: Workflow }) {
    super(scope, id);
    // By name: the function is part of the state machine that it starts.
    const watchArn = Stack.of(this).formatArn({
      ...{ service: 'states', resource: 'stateMachine', resourceName: workflowName(databases.stage, definition) },
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const reap = new NodeFunction(this, 'Reap', {
      entry: 'workflows/reaper/reap.ts',
      timeout: Duration.seconds(timeouts.reap),
      environment: {
        API_DATABASE: databases.api.url,
        BOOT_STATE_MACHINE: boot.stateMachineArn,
        WATCH_STATE_MACHINE: watchArn,
        AUDIT_STATE_MACHINE: audit.stateMachineArn,
      },
    });
    allowDatabases(reap, databases, ['api', 'cell0', 'cell']);
    boot.grantStartExecution(reap);
    audit.grantStartExecution(reap);
    reap.addToRolePolicy(new PolicyStatement({ actions: ['states:StartExecution'], resources: [watchArn] }));

    this.watch = new Workflow(this, 'Watch', { stage: databases.stage, definition, tasks: { Reap: reap } });
    this.reap = reap;
  }
}
