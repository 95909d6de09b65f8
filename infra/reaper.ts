/** The reaper: a function that finishes what a workflow or a delete left unfinished, and the watch, which runs it some time after something was begun. */
import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { allowDatabases, type Databases } from './database-access.ts';
import { entryPoints, logRetention, NodeFunction } from './node-function.ts';

/** It asks only the cells where something is left to do, and a sleeping one takes its time. */
const reapTime = Duration.minutes(5);

/** The reaper and its watch. */
export class Reaper extends Construct {
  /** What starts the reaper. */
  readonly watch: StateMachine;
  readonly reap: NodeFunction;

  constructor(scope: Construct, id: string, { databases, boot, audit }: { databases: Databases; boot: StateMachine; audit: StateMachine }) {
    super(scope, id);
    const stateMachineName = databases.stage === 'production' ? 'cellzero-watch' : `${databases.stage}-cellzero-watch`;
    // By name: the function is part of the state machine that it starts.
    const watchArn = Stack.of(this).formatArn({
      ...{ service: 'states', resource: 'stateMachine', resourceName: stateMachineName },
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const reap = new NodeFunction(this, 'Reap', {
      entry: 'periodic/reap.ts',
      timeout: reapTime,
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

    this.watch = new StateMachine(this, 'Watch', {
      stateMachineName,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromFile(`${entryPoints}periodic/watch.asl.json`),
      definitionSubstitutions: { Reap: reap.functionArn },
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'WatchLogs', { retention: logRetention }),
        level: LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    reap.grantInvoke(this.watch);
    this.reap = reap;
  }
}
