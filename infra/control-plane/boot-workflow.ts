/** The boot workflow and a function for each of its steps. */
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { workflows } from '../../lambdas/workflows/index.ts';
import type { Databases } from '../databases/database-access.ts';
import { type Functions, WorkflowStateMachine, workflowArn, workflowFunctions } from './workflow.ts';

/**
 * The workflow that takes an accepted request to active servers, to errors in their cells, or to cell0. It has no timeout of its own, which could cut a
 * burial off: its steps are bounded by their functions' time and the retries in the file.
 */
export class BootWorkflow extends Construct {
  readonly stateMachine: WorkflowStateMachine;
  readonly functions: Functions<typeof workflows.boot>;

  constructor(scope: Construct, id: string, databases: Databases) {
    super(scope, id);
    this.functions = workflowFunctions(this, workflows.boot, databases);
    const arn = workflowArn(this, databases.stage, workflows.boot);
    const { ScheduleServers } = this.functions;
    ScheduleServers.addEnvironment('BOOT_STATE_MACHINE', arn);
    ScheduleServers.addToRolePolicy(new PolicyStatement({ actions: ['states:StartExecution'], resources: [arn] }));
    this.stateMachine = new WorkflowStateMachine(this, 'StateMachine', {
      stage: databases.stage,
      workflow: workflows.boot,
      functions: this.functions,
    });
  }
}
