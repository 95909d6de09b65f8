/** Reports as they come out of their queue: each by itself, and again when it could not be applied. */
import type { SQSEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { query } from '../../../database/data-api/client.ts';
import { handler } from '../../../lambdas/reports/apply-reports.ts';
import { sendMessage } from '../../../lambdas/shared/queue.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { standingOf } from '../../fixtures/standing.ts';
import { createServer } from '../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 2, retryAfter: 20 });
});
afterAll(() => cloud?.stop());
afterEach(() => comeToRest(cloud.service));

/** A server that its host has begun, and the report that it is started. */
async function begun() {
  const { server, created, here } = await createServer(cloud);
  const { host, connection: cell, fencing_token, execution, alternates, attempt } = created;
  const about = { operation: 'spawn', server: server.id, host, cell, fencing_token, build: { execution, alternates, attempt } };
  return { report: { about, report: { result: 'success' } }, look: () => standingOf(cloud, server, here) };
}

const batch = (...bodies: string[]): SQSEvent => ({
  Records: bodies.map((body, index) => ({
    ...{ messageId: String(index), receiptHandle: '', body, messageAttributes: {}, md5OfBody: '', awsRegion: '' },
    ...{ eventSource: 'aws:sqs', eventSourceARN: '' },
    attributes: { ApproximateReceiveCount: '1', SentTimestamp: '', SenderId: '', ApproximateFirstReceiveTimestamp: '' },
  })),
});

test('what is no report is received again, and hinders no other of its batch', async () => {
  const [one, two] = [await begun(), await begun()];
  const { about } = one.report;
  const wrong = [
    'no JSON',
    '{}',
    JSON.stringify({ ...one.report, report: { result: 'perhaps' } }),
    JSON.stringify({ ...one.report, about: { ...about, operation: 'resurrect' } }),
    JSON.stringify({ ...one.report, about: { ...about, server: 'name' } }),
  ];
  const { batchItemFailures } = await handler(batch(JSON.stringify(one.report), ...wrong, JSON.stringify(two.report)));
  expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(['1', '2', '3', '4', '5']);
  for (const { look } of [one, two]) expect(await look()).toMatchObject({ shown: 'ACTIVE' });
});

test('how far a host is comes by the same queue, step by step', async () => {
  const { report, look } = await begun();
  const about = report.about;
  const bodies = [{ step: 'networking' }, { step: 'swimming' }, { percent: 101 }].map((progress) => JSON.stringify({ about, progress }));
  const { batchItemFailures } = await handler(batch(...bodies));
  expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(['1', '2']);
  const states = await query<{ task_state: string }>(cloud.database('cell1'), 'select task_state from instances where uuid = :id::uuid', {
    id: about.server,
  });
  expect(states).toEqual([{ task_state: 'networking' }]);
  await handler(batch(JSON.stringify(report)));
  expect(await look()).toMatchObject({ shown: 'ACTIVE' });
});

test.each([
  [4, ['networking 0', 'block_device_mapping 1', 'spawning 2']],
  [2, ['block_device_mapping 0', 'spawning 1']],
  [1, ['spawning 0']],
  [0, []],
])('a simulated host that reports after %i s sends the steps of a build before, at most one in a second', async (reportAfter, steps) => {
  const sent: string[] = [];
  const driver = simulatedDriver({ ...noFailures, reportAfter }, async (report, delay) => {
    if ('progress' in report && 'step' in report.progress) sent.push(`${report.progress.step} ${delay}`);
  });
  const { created } = await createServer(cloud);
  await buildOnHost(driver, created);
  expect(sent).toEqual(steps);
});

test('a report that meets a cell that is down is applied when the cell is back', async () => {
  const { report, look } = await begun();
  const fault = cloud.service.dataApi.faults.add({ kind: 'down', cluster: 'cell1' });
  await sendMessage(process.env.REPORTS_QUEUE ?? '', report, 0);
  await expect.poll(() => cloud.service.dataApi.calls.since(0).some(({ cluster, error }) => cluster === 'cell1' && error)).toBe(true);
  fault.lift();
  await expect.poll(() => cloud.service.reports.nextAt(), { timeout: 10_000 }).toBeUndefined();
  expect(await look()).toMatchObject({ shown: 'ACTIVE' });
  expect(cloud.service.reports.deadLetters).toEqual([]);
});
