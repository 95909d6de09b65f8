/** The reaper: a function that finishes what a workflow or a delete left unfinished, and the workflow that runs it some time after something was begun. */
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { workflows } from '../../lambdas/workflows/index.ts';
import type { Databases } from '../databases/database-access.ts';
import { type Functions, WorkflowStateMachine, workflowArn, workflowFunctions } from './workflow.ts';

/** The reaper and what starts it. */
export class Reaper extends Construct {
  readonly stateMachine: WorkflowStateMachine;
  readonly functions: Functions<typeof workflows.reaper>;

  constructor(
    scope: Construct,
    id: string,
    { databases, boot, audit }: { databases: Databases; boot: WorkflowStateMachine; audit: WorkflowStateMachine },
  ) {
    super(scope, id);
    const { stage } = databases;
    this.functions = workflowFunctions(this, workflows.reaper, databases);
    const reaperArn = workflowArn(this, stage, workflows.reaper);
    const { Reap } = this.functions;
    Reap.addEnvironment('BOOT_STATE_MACHINE', boot.stateMachineArn);
    Reap.addEnvironment('REAPER_STATE_MACHINE', reaperArn);
    Reap.addEnvironment('AUDIT_STATE_MACHINE', audit.stateMachineArn);
    boot.grantStartExecution(Reap);
    audit.grantStartExecution(Reap);
    Reap.addToRolePolicy(new PolicyStatement({ actions: ['states:StartExecution'], resources: [reaperArn] }));
    this.stateMachine = new WorkflowStateMachine(this, 'StateMachine', { stage, workflow: workflows.reaper, functions: this.functions });
  }
}
