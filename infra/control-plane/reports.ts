/** The queue in which hosts report what they ended, and the function that applies it. What cannot be applied is kept as a dead letter for an operator. */
import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Settings } from '../../compute/settings.ts';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { allowDatabases, type Databases } from '../databases/database-access.ts';
import { NodeFunction } from '../node-function.ts';

/** With six times the function's time between two, as AWS advises, a report is tried for two hours: longer than a database is down that comes back by itself. */
const maxReceiveCount = 20;

/** What the queue and its function work with. */
export interface ReportsProps {
  databases: Databases;
  boot: StateMachine;
  reaper: StateMachine;
  /** JSON of how simulated hosts behave; empty for hosts that do at once what they are asked. */
  simulation: string;
  /** Nova's options, which say how hosts are asked. */
  settings: Settings;
}

/** The queue of reports. */
export class Reports extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly apply: NodeFunction;
  readonly #simulation: string;
  readonly #settings: Settings;

  constructor(scope: Construct, id: string, { databases, boot, reaper, simulation, settings }: ReportsProps) {
    super(scope, id);
    this.#simulation = simulation;
    this.#settings = settings;
    const timeout = Duration.seconds(timeouts.reports);
    const kept = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(14) };
    this.deadLetters = new Queue(this, 'DeadLetters', kept);
    this.queue = new Queue(this, 'Queue', {
      ...kept,
      visibilityTimeout: Duration.seconds(6 * timeouts.reports),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount },
    });
    this.apply = new NodeFunction(this, 'Apply', {
      ...{ entry: 'reports/apply-reports.ts', timeout },
      environment: {
        API_DATABASE: databases.api.url,
        BOOT_STATE_MACHINE: boot.stateMachineArn,
        REAPER_STATE_MACHINE: reaper.stateMachineArn,
      },
    });
    allowDatabases(this.apply, databases, ['api', 'cell']);
    boot.grantStartExecution(this.apply);
    reaper.grantStartExecution(this.apply);
    // Lambda asks a queue all day, which costs; hosts that answer at once put nothing in.
    this.apply.addEventSource(new SqsEventSource(this.queue, { reportBatchItemFailures: true, enabled: simulation !== '' }));
    this.allowHosts(this.apply);
  }

  /** Lets a function ask hosts, of which the simulated ones report through the function's own right. */
  allowHosts(func: NodeFunction): void {
    func.addEnvironment('REPORTS_QUEUE', this.queue.queueUrl);
    func.addEnvironment('SETTINGS', JSON.stringify(this.#settings));
    if (this.#simulation) func.addEnvironment('SIMULATION', this.#simulation);
    func.addToRolePolicy(new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [this.queue.queueArn] }));
  }
}
