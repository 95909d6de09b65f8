/**
 * The cloud at a glance: what becomes of boots, how long they take, what waits, what databases and functions do, and what a boot costs. What belongs to cells
 * is found by search, so a new cell is there by itself.
 */
import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type GraphWidgetProps,
  type IMetric,
  type IWidget,
  MathExpression,
  type Metric,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { memorySize } from '../node-function.ts';
import { metricOf, type Observed, period } from './observed.ts';

/** US dollars in us-east-1, without free tiers and discounts, as on aws.amazon.com/step-functions/pricing and aws.amazon.com/lambda/pricing in November 2026. */
const prices = { transition: 0.000025, invocation: 0.0000002, gigabyteSecond: 0.0000133334 };

/** The widest row of a dashboard. */
const full = 24;

/** The dashboard. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, observed: Observed, alarms: readonly Alarm[]) {
    super(scope, id);
    new CloudWatchDashboard(this, 'Dashboard', {
      dashboardName: observed.prefix,
      defaultInterval: Duration.days(1),
      widgets: [
        [new AlarmStatusWidget({ title: 'Alarms: their pages are in docs/runbook.md', alarms: [...alarms], width: full, height: 3 })],
        boots(observed),
        unfinished(observed),
        dataApi(observed),
        platform(observed),
        cost(observed),
      ],
    });
  }
}

function boots(observed: Observed): IWidget[] {
  const count = (service: string, name: string, label: string) => metricOf(observed, service, name, 'Sum').with({ label });
  const time = (service: string, name: string, label: string) =>
    ['p50', 'p95'].map((statistic) => metricOf(observed, service, name, statistic).with({ label: `${label} ${statistic}` }));
  return [
    graph(3, 'Boots', [
      count('compute', 'BootsAccepted', 'accepted'),
      count('BootOne', 'BootsActive', 'ACTIVE'),
      count('BuildOnHost', 'BootsActive', 'ACTIVE, step by step'),
      metricOf(observed, 'BuryInCell0', 'TimeToError', 'SampleCount').with({ label: 'buried' }),
      count('BootOne', 'BootsFailedInCell', 'failed in their cell'),
      count('FailInCell', 'BootsFailedInCell', 'failed in their cell, step by step'),
    ]),
    graph(3, 'Buried by first cause', [search(`{"${observed.prefix}",service,cause} MetricName="BootsBuried"`, 'Sum')], { stacked: true }),
    graph(3, 'Seconds from acceptance to the end', [
      ...time('BootOne', 'TimeToActive', 'ACTIVE'),
      ...time('BuildOnHost', 'TimeToActive', 'ACTIVE, step by step'),
      ...time('BuryInCell0', 'TimeToError', 'buried'),
      ...time('BootOne', 'TimeToError', 'failed'),
      ...time('FailInCell', 'TimeToError', 'failed, step by step'),
    ]),
  ];
}

function unfinished(observed: Observed): IWidget[] {
  const found = (name: string, statistic: string, label: string) => metricOf(observed, 'reaper', name, statistic).with({ label });
  const boot = observed.boot.stateMachine;
  const { queue, deadLetters, apply } = observed.reports;
  return [
    graph(4, 'Burials waiting for cell0', [found('BurialsWaiting', 'Maximum', 'servers')]),
    graph(
      4,
      'What the reaper did',
      [
        found('BootsStalled', 'Sum', 'boots taken on'),
        found('HostsSilent', 'Sum', 'builds and tasks of silent hosts'),
        found('TasksResumed', 'Sum', 'tasks of which the host was asked again'),
        found('ServersReleased', 'Sum', 'servers released'),
        found('OrphanedRowsPurged', 'Sum', 'orphaned rows removed'),
        observed.reaper.functions.Reap.metricErrors({ period, label: 'failures' }),
      ],
      { right: [found('OldestTask', 'Maximum', 'seconds of the oldest task')] },
    ),
    graph(4, 'Boot workflows', [
      boot.metricStarted({ period, label: 'started' }),
      boot.metricSucceeded({ period, label: 'ended' }),
      boot.metricFailed({ period, label: 'gave up' }),
    ]),
    graph(
      4,
      'Reports of hosts',
      [
        queue.metricNumberOfMessagesDeleted({ period, statistic: 'Sum', label: 'applied' }),
        deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum', label: 'dead letters' }),
        apply.metricErrors({ period, label: 'failures' }),
      ],
      { right: [queue.metricApproximateAgeOfOldestMessage({ period, statistic: 'Maximum', label: 'seconds of the oldest' })] },
    ),
  ];
}

function dataApi(observed: Observed): IWidget[] {
  const latency = `{"${observed.prefix}",service} MetricName="DataApiLatency"`;
  return [
    graph(4, 'Data API latency in ms, p50 by function', [search(latency, 'p50')]),
    graph(4, 'Data API latency in ms, p95 by function', [search(latency, 'p95')]),
    graph(4, 'Statements without an answer, by cluster', [
      search(`{"${observed.prefix}",service,cluster} MetricName="DatabaseUnreachable"`, 'Sum'),
    ]),
    graph(
      4,
      'Data API calls a request',
      Object.entries(observed.api).map(([service, func]) => {
        const calls = metricOf(observed, service, 'DataApiLatency', 'SampleCount');
        const requests = func.metricInvocations({ period });
        return math(service, `${service}Calls / ${service}Requests`, { [`${service}Calls`]: calls, [`${service}Requests`]: requests });
      }),
    ),
  ];
}

function platform(observed: Observed): IWidget[] {
  const { http } = observed;
  const functions = functionsOf(observed);
  // Words of a search are parts of names, and a throw-away stage has production's word in its names.
  const clusters = observed.prefix === 'cellzero' ? 'cellzero NOT throwaway' : observed.prefix.replaceAll('-', ' ');
  return [
    graph(4, 'API', [
      http.metricCount({ period, label: 'requests' }),
      http.metricClientError({ period, label: '4xx' }),
      http.metricServerError({ period, label: '5xx' }),
    ]),
    graph(4, 'API latency in ms', [
      http.metricLatency({ period, statistic: 'p50', label: 'p50' }),
      http.metricLatency({ period, statistic: 'p95', label: 'p95' }),
    ]),
    graph(4, 'Functions', [
      sum(
        'errors',
        functions.map((func) => func.metricErrors({ period })),
      ),
      sum(
        'throttled',
        functions.map((func) => func.metricThrottles({ period })),
      ),
    ]),
    graph(4, 'Aurora capacity in ACU, by cluster', [
      search(`{AWS/RDS,DBClusterIdentifier} MetricName="ServerlessDatabaseCapacity" ${clusters}`, 'Average'),
    ]),
  ];
}

/** In hours, because single minutes of few boots would say nothing. */
function cost(observed: Observed): IWidget[] {
  const hour = { period: Duration.hours(1) };
  const { boot, reaper } = observed;
  const functions = functionsOf(observed);
  const invocations = sum(
    'invocations',
    functions.map((func) => func.metricInvocations(hour)),
    hour.period,
  );
  const milliseconds = sum(
    'milliseconds',
    functions.map((func) => func.metricDuration({ ...hour, statistic: 'Sum' })),
    hour.period,
  );
  const stepsRun = sum(
    'steps',
    Object.values<IFunction>(boot.functions).map((func) => func.metricInvocations(hour)),
    hour.period,
  );
  const accepted = metricOf(observed, 'compute', 'BootsAccepted', 'Sum').with(hour);
  const transitions = math(
    'transitions',
    'steps + boots + maps + 3 * reaps',
    {
      ...{ steps: stepsRun, boots: boot.stateMachine.metricStarted(hour), maps: boot.functions.ScheduleServers.metricInvocations(hour) },
      ...{ reaps: reaper.stateMachine.metricStarted(hour) },
    },
    hour.period,
  );
  const perBoot = math(
    'US$ a boot',
    `(transitions * ${fixed(prices.transition)} + ms / 1000 * ${memorySize / 1024} * ${fixed(prices.gigabyteSecond)} + runs * ${fixed(prices.invocation)}) / accepted`,
    { transitions, ms: milliseconds, runs: invocations, accepted },
    hour.period,
  );
  return [
    graph(2, 'What a boot costs, in US$', [perBoot]),
    new TextWidget({
      width: full / 2,
      height: 6,
      markdown: `What functions and workflows cost in an hour, divided by the boots accepted in it:

- a state transition $${fixed(prices.transition)}: one for each step that runs, one more for each boot workflow (its start), one for each run of ScheduleServers (the map after it), and 3 for each scheduled reap
- a run of a function $${fixed(prices.invocation)}, and $${fixed(prices.gigabyteSecond)} for each second of a GB: functions have ${memorySize / 1024} GB

Prices of us-east-1 without free tiers, from aws.amazon.com/step-functions/pricing and aws.amazon.com/lambda/pricing, November 2026.
Requests that boot nothing are in the sum. The databases are not: they cost by the time they are awake ($0.12 for an ACU-hour), which the graph of their capacity shows.`,
    }),
  ];
}

function functionsOf({ api, boot, reaper, auditor, reports }: Observed): IFunction[] {
  const groups = [api, boot.functions, reaper.functions, auditor.functions, { apply: reports.apply }];
  return groups.flatMap((functions) => Object.values<IFunction>(functions));
}

/** A graph that shares its row with `columns - 1` others. */
function graph(inRow: number, title: string, left: IMetric[], props: GraphWidgetProps = {}): GraphWidget {
  return new GraphWidget({ title, left, width: full / inRow, height: 6, leftYAxis: { min: 0 }, ...props });
}

function search(expression: string, statistic: string): MathExpression {
  return new MathExpression({ expression: `SEARCH('${expression}', '${statistic}', ${period.toSeconds()})`, period, label: '' });
}

function math(label: string, expression: string, usingMetrics: Record<string, IMetric>, every = period): MathExpression {
  return new MathExpression({ label, expression, usingMetrics, period: every });
}

/** A metric that nobody emitted in a period is 0 there. */
function sum(label: string, metrics: readonly Metric[], every = period): MathExpression {
  const named = Object.fromEntries(metrics.map((metric, index) => [`${label}${index}`, metric]));
  const terms = Object.keys(named).map((name) => `FILL(${name}, 0)`);
  return math(label, terms.join(' + '), named, every);
}

/** Without an exponent, which CloudWatch does not read. */
function fixed(price: number): string {
  return price.toFixed(12).replace(/0+$/, '');
}
