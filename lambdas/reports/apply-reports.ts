/** Reports of hosts, from their queue. What could not be applied now stays in the queue and comes again, until it is a dead letter. */
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import * as z from 'zod';
import { applyHostReport, applyLateReport, applyProgress } from '../../compute/hosts/apply-late-report.ts';
import { buildSteps, type HostReport, type LateReport, operationNames, type ProgressReport } from '../../compute/hosts/drivers/driver.ts';
import { apiDatabase } from '../shared/database.ts';
import { hostDriver } from '../shared/host-driver.ts';
import { type InvocationContext, log, observed } from '../shared/observation/invocation.ts';
import { settings } from '../shared/settings.ts';
import { buildEnded } from '../workflows/boot/build-ended.ts';
import { startBoot } from '../workflows/boot/start.ts';
import { scheduleReaper } from '../workflows/reaper/schedule.ts';

const onHost = { server: z.uuid(), host: z.string(), cell: z.string(), fencing_token: z.int() };
const build = z.object({ execution: z.string(), alternates: z.array(z.string()), attempt: z.int() });

const snapshotContent = z.object({
  ...{ size: z.int(), checksum: z.string(), disk_format: z.string() },
  properties: z.record(z.string(), z.string()),
});

const about: z.ZodType<LateReport['about']> = z.discriminatedUnion('operation', [
  z.object({ operation: z.literal('spawn'), ...onHost, build }),
  z.object({ operation: z.literal('destroy'), ...onHost }),
  z.object({
    ...{ operation: z.enum(operationNames), ...onHost },
    task: z.object({ action: z.string(), request_id: z.string(), attempt: z.int() }),
    arguments: z.object({ type: z.string().optional() }),
  }),
]);

const lateReport: z.ZodType<LateReport> = z.object({
  about,
  report: z.discriminatedUnion('result', [
    z.object({ result: z.literal('success'), image: snapshotContent.optional() }),
    z.object({ result: z.literal('failure'), message: z.string(), aborted: z.boolean().default(false) }),
  ]),
});

const progressReport: z.ZodType<ProgressReport> = z.object({
  about,
  progress: z.union([z.object({ step: z.enum(buildSteps) }), z.object({ percent: z.int().min(0).max(100) })]),
});

const hostReport: z.ZodType<HostReport> = z.object({
  ...{ about: z.enum(['started', 'power_states']), host: z.string(), cell: z.string(), sequence: z.int().min(0) },
  servers: z.array(z.object({ server: z.uuid(), fencing_token: z.int(), power_state: z.int() })),
});

/** Applies a batch of reports, each by itself; returns those to be received again. */
export const handler = ({ Records }: SQSEvent, context?: InvocationContext): Promise<SQSBatchResponse> =>
  observed('reports', context, async () => {
    const applied = await Promise.allSettled(Records.map(({ body }) => apply(body)));
    return {
      batchItemFailures: Records.filter((_, index) => applied[index]?.status === 'rejected').map(({ messageId }) => ({
        itemIdentifier: messageId,
      })),
    };
  });

async function apply(body: string): Promise<void> {
  try {
    const report = z.union([lateReport, progressReport, hostReport]).parse(JSON.parse(body));
    if ('host' in report) await applyOfHost(report);
    else if ('progress' in report) await applyProgress(report);
    else await applyLate(report);
  } catch (error) {
    log().warn('a report could not be applied', { error, report: body.slice(0, 1_000) });
    throw error;
  }
}

async function applyLate(late: LateReport): Promise<void> {
  const ended = await applyLateReport({ api: apiDatabase(), driver: hostDriver(), settings: settings(), startBoot }, late);
  const { server, host, operation } = late.about;
  log().info('reported', { server, host, operation, result: late.report.result });
  if (ended) buildEnded('BootsActive', [ended]);
}

/** What a host says of itself may begin tasks, which a reaper must find. */
async function applyOfHost(report: HostReport): Promise<void> {
  await scheduleReaper();
  await applyHostReport({ api: apiDatabase(), driver: hostDriver(), settings: settings() }, report);
  const { about, host, sequence, servers } = report;
  log().info('reported', { about, host, sequence, servers: servers.length });
}
