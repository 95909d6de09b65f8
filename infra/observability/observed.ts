/** What dashboard and alarms look at, and the metrics that functions emit (`lambdas/shared/observation/invocation.ts`). */
import { Duration } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { MetricFilter } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { ApiFunction } from '../../lambdas/api/gateway-routes.ts';

/** A workflow with its functions, those among them that are observed apart from the others. */
interface ObservedWorkflow<Name extends string> {
  stateMachine: StateMachine;
  functions: Readonly<Record<Name, IFunction>>;
}

/** The parts of the control plane. */
export interface Observed {
  /** What the names of the deployment begin with; the namespace of its metrics. */
  prefix: string;
  http: HttpApi;
  /** Counts answers from 500 on that are a fault. */
  serverErrors: MetricFilter;
  api: Readonly<Record<ApiFunction, IFunction>>;
  boot: ObservedWorkflow<'ScheduleServers' | 'BuryInCell0'>;
  reaper: ObservedWorkflow<'Reap'>;
  auditor: ObservedWorkflow<'Audit'>;
  reports: { queue: IQueue; deadLetters: IQueue; apply: IFunction };
}

/** The period of graphs and alarms unless they have their own. */
export const period = Duration.minutes(5);

/** Returns a metric of a function. */
export function metricOf({ prefix }: Observed, service: string, metricName: string, statistic: string): Metric {
  return new Metric({ namespace: prefix, metricName, dimensionsMap: { service }, statistic, period });
}
