/** A workflow: the definition that runs everywhere, with a function behind each of its tasks. */
import { ArnFormat, Duration, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Workflow } from '../../lambdas/workflows/workflow.ts';
import { allowDatabases, type Databases } from '../databases/database-access.ts';
import { entryPoints, NodeFunction } from '../node-function.ts';
import { prefixOf, type Stage } from '../settings.ts';
import { vendedLogs } from './vended-logs.ts';

/** Returns the name of the state machine of a workflow, which is known before it is made. */
export function workflowName(stage: Stage, { definition }: Workflow): string {
  const file = definition.slice(definition.lastIndexOf('/') + 1);
  return `${prefixOf(stage)}-${file.slice(0, file.indexOf('.'))}`;
}

/** Returns the ARN of the state machine of a workflow, for a function that is part of it. */
export function workflowArn(scope: Construct, stage: Stage, workflow: Workflow): string {
  return Stack.of(scope).formatArn({
    ...{ service: 'states', resource: 'stateMachine', resourceName: workflowName(stage, workflow) },
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** The functions of a workflow by their placeholders. */
export type Functions<Manifest extends Workflow> = Readonly<Record<keyof Manifest['functions'], NodeFunction>>;

/** Makes the functions of a workflow, each with the rights it uses. */
export function workflowFunctions<Manifest extends Workflow>(
  scope: Construct,
  { functions }: Manifest,
  databases: Databases,
): Functions<Manifest> {
  const made = Object.entries(functions).map(([name, { entry, databases: roles, timeout }]): [string, NodeFunction] => {
    const environment: Record<string, string> = roles.includes('api') ? { API_DATABASE: databases.api.url } : {};
    const func = new NodeFunction(scope, name, { entry, timeout: Duration.seconds(timeout), environment });
    allowDatabases(func, databases, roles);
    return [name, func];
  });
  return Object.fromEntries(made) as Functions<Manifest>;
}

/** What distinguishes one state machine from another. */
export interface WorkflowStateMachineProps {
  stage: Stage;
  workflow: Workflow;
  functions: Functions<Workflow>;
}

/** A Standard workflow that may run its functions and nothing else. */
export class WorkflowStateMachine extends StateMachine {
  constructor(scope: Construct, id: string, { stage, workflow, functions }: WorkflowStateMachineProps) {
    const arns = Object.entries(functions).map(([name, { functionArn }]): [string, string] => [name, functionArn]);
    super(scope, id, {
      stateMachineName: workflowName(stage, workflow),
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromFile(`${entryPoints}${workflow.definition}`),
      definitionSubstitutions: Object.fromEntries(arns),
      tracingEnabled: true,
      logs: {
        destination: vendedLogs(scope, `${id}Logs`, `states/${workflowName(stage, workflow)}`),
        level: LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    this.addToRolePolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: arns.map(([, arn]) => arn) }));
    Validations.of(this).acknowledge(
      { id: 'AwsSolutions-IAM5[Resource::*]', reason: 'Traces and the delivery of logs have no resource to name.' },
      {
        id: 'AwsSolutions-SF1',
        reason: 'Step Functions keeps all events of a standard workflow itself; only errors are copied into a log.',
      },
    );
  }
}
