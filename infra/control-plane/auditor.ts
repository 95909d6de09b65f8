/** The audit: a function that checks all databases for rows that contradict each other. The reaper starts it, once on a day. */
import { Construct } from 'constructs';
import { workflows } from '../../lambdas/workflows/index.ts';
import type { Databases } from '../databases/database-access.ts';
import { type Functions, WorkflowStateMachine, workflowFunctions } from './workflow.ts';

/** The audit and what starts it. */
export class Auditor extends Construct {
  readonly stateMachine: WorkflowStateMachine;
  readonly functions: Functions<typeof workflows.audit>;

  constructor(scope: Construct, id: string, databases: Databases) {
    super(scope, id);
    this.functions = workflowFunctions(this, workflows.audit, databases);
    this.stateMachine = new WorkflowStateMachine(this, 'StateMachine', {
      stage: databases.stage,
      workflow: workflows.audit,
      functions: this.functions,
    });
  }
}
