/** The boot workflow and a function for each of its steps. The workflow itself is lambdas/boot/boot.asl.json, the file that runs everywhere. */
import { Duration } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
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

/** Long enough for a step that wakes the api database and a cell one after the other. */
const stepTime = Duration.seconds(90);

/**
 * The workflow that takes an accepted request to active servers, to errors in their cells, or to cell0. It has no timeout of its own, which could cut a
 * burial off: its steps are bounded by their functions' time and the retries in the file.
 */
export class BootWorkflow extends Construct {
  readonly stateMachine: StateMachine;
  /** By state. */
  readonly functions: ReadonlyMap<string, NodeFunction>;

  constructor(scope: Construct, id: string, databases: Databases) {
    super(scope, id);
    const functions = Object.entries(steps).map(([state, { entry, reaches }]): [string, NodeFunction] => {
      const environment: Record<string, string> = reaches.includes('api') ? { API_DATABASE: databases.api.url } : {};
      const step = new NodeFunction(this, state, { entry, timeout: stepTime, environment });
      allowDatabases(step, databases, reaches);
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
    for (const [, step] of functions) step.grantInvoke(this.stateMachine);
    this.functions = new Map(functions);
  }
}
