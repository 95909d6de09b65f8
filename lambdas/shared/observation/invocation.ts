/**
 * What a function reports of one invocation: log lines, metrics and a trace that carry the ids of its request. Each invocation has its own, so nothing of a
 * request is left for the next one, nor mixed up on one machine, where many run at once in a process.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context } from 'aws-lambda';
import { type Call, calls, DatabaseUnreachable } from '../../../database/data-api/client.ts';
import { withDeadline } from '../../../database/data-api/deadline.ts';
import { annotations, clusterOf, type Ids, sendTrace } from './trace.ts';

/** An invocation that runs. */
interface Invocation {
  /** The function, as its log lines and metrics name it. */
  service: string;
  logger: Logger;
  metrics: Metrics;
  ids: Ids;
  /** Statements so far. */
  calls: Call[];
}

/** Every metric the functions emit, with its unit. Those of the Data API are emitted by all of them. */
const units = {
  BootsAccepted: MetricUnit.Count,
  BootsActive: MetricUnit.Count,
  BootsBuried: MetricUnit.Count,
  BootsFailedInCell: MetricUnit.Count,
  /** From acceptance. */
  TimeToActive: MetricUnit.Seconds,
  TimeToError: MetricUnit.Seconds,
  /** What a run of the reaper found. */
  BurialsWaiting: MetricUnit.Count,
  BootsStalled: MetricUnit.Count,
  HostsSilent: MetricUnit.Count,
  ServersReleased: MetricUnit.Count,
  TasksResumed: MetricUnit.Count,
  OldestTask: MetricUnit.Seconds,
  OrphanedRowsPurged: MetricUnit.Count,
  AuditFindings: MetricUnit.Count,
  /** A value for each statement, so the number of samples is the number of calls. */
  DataApiLatency: MetricUnit.Milliseconds,
  DatabaseUnreachable: MetricUnit.Count,
} as const;

/** The name of a metric. */
export type MetricName = keyof typeof units;

/** The service under which unreachable databases are counted, whichever function asked them. */
const databases = 'databases';

const running = new AsyncLocalStorage<Invocation>();

/** What is asked of the context of an invocation. */
export type InvocationContext = Pick<Context, 'awsRequestId' | 'getRemainingTimeInMillis'>;

/** In milliseconds: to answer that something did not, and to write what the invocation reports. */
const timeToAnswer = 2_000;

/**
 * Runs an invocation: its statements end before Lambda ends the function, and when it has ended, its metrics and its trace are written.
 * @throws what it throws.
 */
export async function observed<Result>(
  service: string,
  context: InvocationContext | undefined,
  run: () => Promise<Result>,
): Promise<Result> {
  const invocation: Invocation = {
    service,
    logger: new Logger({ serviceName: service, persistentKeys: { function_request_id: context?.awsRequestId } }),
    metrics: new Metrics({ serviceName: service }),
    ids: {},
    calls: [],
  };
  const startedAt = Date.now();
  const time = context?.getRemainingTimeInMillis() ?? Number.POSITIVE_INFINITY;
  let error: unknown;
  try {
    return await running.run(invocation, () => withDeadline(startedAt + time - timeToAnswer, run));
  } catch (thrown) {
    error = thrown;
    throw thrown;
  } finally {
    const { ids, metrics } = invocation;
    for (const [name, id] of Object.entries(annotations(ids))) metrics.addMetadata(name, id);
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    await sendTrace({ service, ids, startedAt, endedAt: Date.now(), calls: invocation.calls, error });
  }
}

/** Adds ids to all that the invocation reports from now on. */
export function identify(ids: Ids): void {
  const invocation = current();
  invocation.ids = { ...invocation.ids, ...ids };
  invocation.logger.appendKeys({ ...ids });
}

/** The log of the invocation. */
export function log(): Logger {
  return current().logger;
}

/** How many statements the invocation has made. */
export function callsSoFar(): number {
  return current().calls.length;
}

/** Adds a value to a metric of the function. With a cause it is counted by that as well as by function. */
export function measure(name: MetricName, value: number, cause?: string): void {
  const { metrics } = current();
  if (cause === undefined) metrics.addMetric(name, units[name], value);
  else metrics.singleMetric().addDimension('cause', cause).addMetric(name, units[name], value);
}

function current(): Invocation {
  const invocation = running.getStore();
  if (!invocation) throw new Error('no invocation is observed');
  return invocation;
}

calls.subscribe((message) => {
  const invocation = running.getStore();
  if (!invocation) return;
  const call = message as Call;
  invocation.calls.push(call);
  invocation.metrics.addMetric('DataApiLatency', units.DataApiLatency, call.endedAt - call.startedAt);
  if (!(call.error instanceof DatabaseUnreachable)) return;
  const cluster = clusterOf(call);
  invocation.logger.warn('a database does not answer', { cluster, error: call.error });
  // Once for all clusters, for the alarm, and once for this one.
  new Metrics({ serviceName: databases, singleMetric: true })
    .addDimensions({})
    .addDimensions({ cluster })
    .addMetric('DatabaseUnreachable', units.DatabaseUnreachable, 1);
});
