/** A workflow: a file that runs everywhere, with a function behind each of its tasks. */
import { Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { entryPoints, logRetention } from '../node-function.ts';
import { prefixOf, type Stage } from '../settings.ts';

/** What distinguishes one workflow from another. */
export interface WorkflowProps {
  stage: Stage;
  /** Path of the definition below lambdas/, without `.asl.json`. */
  definition: string;
  /** Functions by the name of their state, which is also the placeholder of the function's ARN in the file. */
  tasks: Readonly<Record<string, IFunction>>;
}

/** Gives the name of the state machine of a definition, which is known before it is made. */
export function workflowName(stage: Stage, definition: string): string {
  const name = definition.slice(definition.lastIndexOf('/') + 1);
  return `${prefixOf(stage)}-${name}`;
}

/** A Standard workflow that may run its tasks and nothing else. */
export class Workflow extends StateMachine {
  constructor(scope: Construct, id: string, { stage, definition, tasks }: WorkflowProps) {
    super(scope, id, {
      stateMachineName: workflowName(stage, definition),
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromFile(`${entryPoints}${definition}.asl.json`),
      definitionSubstitutions: Object.fromEntries(Object.entries(tasks).map(([state, { functionArn }]) => [state, functionArn])),
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(scope, `${id}Logs`, { retention: logRetention }),
        level: LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    const resources = Object.values(tasks).map(({ functionArn }) => functionArn);
    this.addToRolePolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources }));
    Validations.of(this).acknowledge(
      { id: 'AwsSolutions-IAM5[Resource::*]', reason: 'Traces and the delivery of logs have no resource to name.' },
      {
        id: 'AwsSolutions-SF1',
        reason: 'Step Functions keeps all events of a standard workflow itself; only errors are copied into a log.',
      },
    );
  }
}
