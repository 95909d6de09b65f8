/** The reaper: a function that a timer runs, to finish what a workflow or a delete left unfinished. */
import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { allowDatabases, type Databases } from './database-access.ts';
import { NodeFunction } from './node-function.ts';

/** It asks only the cells where something is left to do, and a sleeping one takes its time. */
const reapTime = Duration.minutes(5);

/** The reaper and its timer. */
export class Reaper extends Construct {
  constructor(scope: Construct, id: string, { databases, stateMachine }: { databases: Databases; stateMachine: StateMachine }) {
    super(scope, id);
    const reap = new NodeFunction(this, 'Reap', {
      entry: 'periodic/reap.ts',
      timeout: reapTime,
      environment: { API_DATABASE: databases.api.url, BOOT_STATE_MACHINE: stateMachine.stateMachineArn },
    });
    allowDatabases(reap, databases, ['api', 'cell0', 'cell']);
    stateMachine.grantStartExecution(reap);
    new Rule(this, 'EveryMinute', { schedule: Schedule.rate(Duration.minutes(1)), targets: [new LambdaFunction(reap)] });
  }
}
