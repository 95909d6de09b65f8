/**
 * What an operator must act on. Each alarm leads to the page of docs/runbook.md that says what it means and what to do, and notifies a topic to which an operator
 * subscribes. Ten are free in an account; there are few more.
 */
import { CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { metricOf, type Observed, period } from './observed.ts';

/** An alarm that sounds when a metric in its period reaches a threshold. */
interface Definition {
  /** The page of the runbook. */
  page: string;
  metric: Metric;
  threshold: number;
  says: string;
}

/** Once or twice a step may fail while a database wakes up; it is tried again. */
const persistently = { threshold: 3, period: Duration.minutes(15) };

function definitions(observed: Observed): Definition[] {
  const { auditor, boot, reaper, reports, serverErrors } = observed;
  const own = (service: string, name: string) => metricOf(observed, service, name, 'Sum');
  const errors = (func: IFunction) => func.metricErrors({ statistic: 'Sum', period: persistently.period });
  return [
    {
      page: 'a-burial-fails',
      metric: errors(boot.functions.BuryInCell0),
      threshold: persistently.threshold,
      says: 'Servers that no host can hold do not get into cell0; clients see them in BUILD.',
    },
    {
      page: 'a-boot-workflow-fails',
      metric: boot.stateMachine.metricFailed({ statistic: 'Sum', period }),
      threshold: 1,
      says: 'An execution of the boot workflow gave up. The reaper starts another one.',
    },
    {
      page: 'a-boot-stalls',
      metric: own('reaper', 'BootsStalled'),
      threshold: 1,
      says: 'A boot had no heartbeat for minutes, and the reaper took it over.',
    },
    {
      page: 'a-host-is-silent',
      metric: own('reaper', 'HostsSilent'),
      threshold: 1,
      says: 'A host did not begin what it was asked, or did not report its end in time.',
    },
    {
      page: 'a-task-does-not-end',
      // Of the tasks that are noted none is due as late, and the reaper ends those that are.
      metric: metricOf(observed, 'reaper', 'OldestTask', 'Maximum'),
      threshold: 3_600,
      says: 'What is being done to a server goes on for an hour, and the reaper does not end it.',
    },
    {
      page: 'a-database-does-not-answer',
      metric: own('databases', 'DatabaseUnreachable'),
      threshold: 3,
      says: 'The database of a cell, of cell0 or of the API is down, or takes very long to wake up.',
    },
    {
      page: 'an-audit-finds-something',
      metric: own('auditor', 'AuditFindings'),
      threshold: 1,
      says: 'Rows of the databases contradict each other.',
    },
    {
      page: 'the-api-answers-5xx',
      metric: serverErrors.metric({ statistic: 'Sum', period }),
      threshold: 5,
      says: 'Clients get errors that are not theirs.',
    },
    {
      page: 'the-reaper-fails',
      metric: errors(reaper.functions.Reap),
      threshold: persistently.threshold,
      says: 'Nobody finishes what boots and deletes left unfinished.',
    },
    {
      page: 'reports-wait',
      metric: reports.queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period }),
      threshold: 900,
      says: 'What hosts reported a quarter of an hour ago is not applied.',
    },
    {
      page: 'a-report-is-a-dead-letter',
      metric: reports.deadLetters.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period }),
      threshold: 1,
      says: 'What a host reported could not be applied for two hours.',
    },
    {
      page: 'the-audit-fails',
      // The audit runs once on a day: what its function does, or leaves undone at its timeout, shows in the execution.
      metric: auditor.stateMachine.metricFailed({ statistic: 'Sum', period }),
      threshold: 1,
      says: 'Nobody looks whether the databases fit together.',
    },
    {
      page: 'functions-are-throttled',
      // Functions share the concurrency of their account, so whichever takes it, all are throttled.
      metric: new Metric({ namespace: 'AWS/Lambda', metricName: 'Throttles', statistic: 'Sum', period }),
      threshold: 1,
      says: 'Functions of this account and region do not run, because too many run already.',
    },
  ];
}

/** The alarms and their topic. */
export class Alarms extends Construct {
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, observed: Observed) {
    super(scope, id);
    const topic = new Topic(this, 'Topic', { displayName: `Alarms of ${observed.prefix}`, enforceSSL: true });
    // A policy of its own, which enforceSSL makes, takes the place of the one that lets the whole account publish.
    topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    this.alarms = definitions(observed).map(({ page, metric, threshold, says }) => {
      const alarm = new Alarm(this, page, {
        alarmName: `${observed.prefix}-${page}`,
        alarmDescription: `${says} docs/runbook.md#${page}`,
        metric,
        threshold,
        evaluationPeriods: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
      const notify = new SnsAction(topic);
      alarm.addAlarmAction(notify);
      alarm.addOkAction(notify);
      return alarm;
    });
    new CfnOutput(this, 'AlarmTopicArn', { value: topic.topicArn, description: 'Subscribe to it to get alarms' }).overrideLogicalId(
      'AlarmTopicArn',
    );
  }
}
