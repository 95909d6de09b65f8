/** The audit: a function that looks into all databases for what does not fit together. The reaper starts it, once on a day. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { allowDatabases, type Databases } from '../databases/database-access.ts';
import { NodeFunction } from '../node-function.ts';
import { Workflow } from './workflow.ts';

/** The audit and what starts it. */
export class Auditor extends Construct {
  readonly stateMachine: Workflow;
  readonly audit: NodeFunction;

  constructor(scope: Construct, id: string, databases: Databases) {
    super(scope, id);
    this.audit = new NodeFunction(this, 'Audit', {
      entry: 'workflows/audit/audit.ts',
      timeout: Duration.seconds(timeouts.audit),
      environment: { API_DATABASE: databases.api.url },
    });
    allowDatabases(this.audit, databases, ['api', 'cell0', 'cell']);
    const { stage } = databases;
    this.stateMachine = new Workflow(this, 'StateMachine', { stage, definition: 'workflows/audit/audit', tasks: { Audit: this.audit } });
  }
}
