/** The audit: a function that looks into all databases for what does not fit together. The reaper starts it, once on a day. */
import { Duration } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { allowDatabases, type Databases } from './database-access.ts';
import { entryPoints, logRetention, NodeFunction } from './node-function.ts';
import { prefixOf } from './settings.ts';

/** The audit and what starts it. */
export class Auditor extends Construct {
  readonly stateMachine: StateMachine;
  readonly audit: NodeFunction;

  constructor(scope: Construct, id: string, databases: Databases) {
    super(scope, id);
    this.audit = new NodeFunction(this, 'Audit', {
      entry: 'periodic/audit.ts',
      timeout: Duration.minutes(15),
      environment: { API_DATABASE: databases.api.url },
    });
    allowDatabases(this.audit, databases, ['api', 'cell0', 'cell']);
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName: `${prefixOf(databases.stage)}-audit`,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromFile(`${entryPoints}periodic/audit.asl.json`),
      definitionSubstitutions: { Audit: this.audit.functionArn },
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'Logs', { retention: logRetention }),
        level: LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    this.audit.grantInvoke(this.stateMachine);
  }
}
