/** A service of AWS that is silent holds a function no longer than its time, and one that refuses is to be asked again. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { withDeadline } from '../../../database/data-api/deadline.ts';
import { inTime, ServiceUnreachable } from '../../../lambdas/shared/in-time.ts';
import { startExecution } from '../../../lambdas/shared/step-functions.ts';

let silent: Server;
let asked = 0;
let refusal: string | undefined;
/** How many times more the server refuses. */
let refusals = Number.POSITIVE_INFINITY;
beforeAll(async () => {
  silent = createServer((_, response) => {
    asked += 1;
    refusals -= 1;
    if (refusals < 0) response.end(JSON.stringify({ executionArn: 'arn:of:an:execution', startDate: 0 }));
    else if (refusal) response.writeHead(400, { 'Content-Type': 'application/x-amz-json-1.0' }).end(JSON.stringify({ __type: refusal }));
  });
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  vi.stubEnv('AWS_ENDPOINT_URL_SFN', `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  for (const name of ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, 'local');
});
afterAll(() => {
  silent?.closeAllConnections();
  silent?.close();
});

test('Step Functions that do not answer are asked once and given up at the deadline', async () => {
  const start = performance.now();
  await expect(withDeadline(Date.now() + 300, () => startExecution('arn:of:a:machine', 'name', { version: 1 }))).rejects.toThrow(
    ServiceUnreachable,
  );
  expect(performance.now() - start).toBeLessThan(2_000);
  expect(asked).toBe(1);
});

test.each(['AccessDeniedException', 'StateMachineDoesNotExist'])('Step Functions that answer %s have failed', async (answer) => {
  refusal = answer;
  await expect(startExecution('arn:of:a:machine', 'name', { version: 1 })).rejects.toThrow(
    new ServiceUnreachable(`${answer}: {"__type":"${answer}"}`),
  );
});

test('an execution that is throttled is asked for again until it is started', { timeout: 20_000 }, async () => {
  refusal = 'ThrottlingException';
  refusals = 5;
  asked = 0;
  await startExecution('arn:of:a:machine', 'name', { version: 1 });
  refusals = Number.POSITIVE_INFINITY;
  expect(asked).toBe(6);
});

test('an execution that was started before is started', async () => {
  refusal = 'ExecutionAlreadyExists';
  await startExecution('arn:of:a:machine', 'name', { version: 1 });
});

test('without a deadline a service has 8 s', async () => {
  const timeout = vi.spyOn(AbortSignal, 'timeout');
  const send = async () => {};
  await inTime(send);
  expect(timeout).toHaveBeenCalledWith(8_000);
  await withDeadline(Date.now() - 1, () => inTime(send));
  expect(timeout).toHaveBeenLastCalledWith(0);
});
