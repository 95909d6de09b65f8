/** The boot workflow and a function for each of its steps. The workflow itself is lambdas/boot/boot.asl.json, the file that runs everywhere. */
import { Duration, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { allowDatabases, type DatabaseRole, type Databases } from './database-access.ts';
import { entryPoints, logRetention, NodeFunction } from './node-function.ts';

/** The steps by the name of the state, which is also the placeholder of the function's ARN in the file. */
const steps: Readonly<Record<string, { entry: string; reaches: readonly DatabaseRole[] }>> = {
  ScheduleServers: { entry: 'boot/schedule-servers.ts', reaches: ['api'] },
  CreateInCell: { entry: 'boot/create-in-cell.ts', reaches: ['api', 'cell'] },
  TryAnotherCell: { entry: 'boot/try-another-cell.ts', reaches: ['api'] },
  BuildOnHost: { entry: 'boot/build-on-host.ts', reaches: ['cell'] },
  Reschedule: { entry: 'boot/reschedule.ts', reaches: ['api', 'cell'] },
  FailInCell: { entry: 'boot/fail-in-cell.ts', reaches: ['api', 'cell'] },
  BuryInCell0: { entry: 'boot/bury-in-cell0.ts', reaches: ['api', 'cell0'] },
};

/** The steps that log why a request found no host. */
const schedulers: readonly string[] = ['ScheduleServers', 'TryAnotherCell'];

/** Long enough for a step that wakes the api database and a cell one after the other. */
const stepTime = Duration.seconds(90);

/**
 * The workflow that takes an accepted request to active servers, to errors in their cells, or to cell0. It has no timeout of its own, which could cut a
 * burial off: its steps are bounded by their functions' time and the retries in the file.
 */
export class BootWorkflow extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, databases: Databases) {
    super(scope, id);
    const functions = Object.entries(steps).map(([state, { entry, reaches }]): [string, NodeFunction] => {
      const environment: Record<string, string> = reaches.includes('api') ? { API_DATABASE: databases.api.url } : {};
      const step = new NodeFunction(this, state, { entry, timeout: stepTime, environment });
      allowDatabases(step, databases, reaches);
      if (schedulers.includes(state)) countByFirstCause(step);
      return [state, step];
    });
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName: databases.stage === 'production' ? 'cellzero-boot' : `${databases.stage}-cellzero-boot`,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromFile(`${entryPoints}boot/boot.asl.json`),
      definitionSubstitutions: Object.fromEntries(functions.map(([state, step]) => [state, step.functionArn])),
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'Logs', { retention: logRetention }),
        level: LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    const resources = functions.map(([, step]) => step.functionArn);
    this.stateMachine.addToRolePolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources }));
    Validations.of(this.stateMachine).acknowledge(
      { id: 'AwsSolutions-IAM5[Resource::*]', reason: 'Traces and the delivery of logs have no resource to name.' },
      {
        id: 'AwsSolutions-SF1',
        reason: 'Step Functions keeps all events of a standard workflow itself; only errors are copied into a log.',
      },
    );
  }
}

/** Counts the servers that found no host by the first cause that the step logs. */
function countByFirstCause(step: NodeFunction): void {
  new MetricFilter(step, 'NoValidHost', {
    logGroup: step.logGroup,
    filterPattern: FilterPattern.stringValue('$.message.event', '=', 'NoValidHost'),
    metricNamespace: 'Cellzero',
    metricName: 'NoValidHost',
    metricValue: '$.message.servers',
    dimensions: { FirstCause: '$.message.first_cause' },
  });
}
