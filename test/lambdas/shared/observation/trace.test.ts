/** What X-Ray gets of a request: its own daemon's datagrams, as Lambda's functions send them. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Cloud, startCloud } from '../../../fixtures/cloud.ts';

interface Subsegment {
  name: string;
  parent_id: string;
  trace_id: string;
  start_time: number;
  end_time: number;
  fault: boolean;
  annotations: Record<string, string>;
  subsegments: { name: string; fault: boolean; sql: { sanitized_query: string } }[];
}

const received: Subsegment[] = [];
const daemon = createSocket('udp4').on('message', (message) => {
  const [header = '', document = ''] = message.toString().split('\n');
  expect(JSON.parse(header)).toEqual({ format: 'json', version: 1 });
  received.push(JSON.parse(document));
});

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
  await new Promise<void>((bound) => daemon.bind(0, '127.0.0.1', bound));
  process.env.AWS_XRAY_DAEMON_ADDRESS = `127.0.0.1:${daemon.address().port}`;
});
afterAll(async () => {
  delete process.env._X_AMZN_TRACE_ID;
  await cloud?.stop();
  daemon.close();
});

const root = '1-5759e988-bd862e3fe1be46a994272793';

async function boot(sampled: '0' | '1') {
  const user = await cloud.newUser();
  process.env._X_AMZN_TRACE_ID = `Root=${root};Parent=53995c3f42cd8ad8;Sampled=${sampled}`;
  const server = { name: 'n', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none', user_data: 'c2VjcmV0' };
  const { headers } = await user.send('POST', '/servers', { body: { server } });
  await cloud.service.workflow.drain();
  return headers.get('x-openstack-request-id');
}

test('a request and all steps of its boot are found by the request id, with every statement', async () => {
  const requestId = await boot('1');
  await expect.poll(() => received.length).toBe(2);
  expect(received.map(({ name, subsegments }) => [name, subsegments.length])).toEqual([
    ['compute', 2],
    ['BootOne', 6],
  ]);
  for (const { annotations, end_time, fault, parent_id, start_time, trace_id } of received) {
    expect({ trace_id, parent_id, fault }).toEqual({ trace_id: root, parent_id: '53995c3f42cd8ad8', fault: false });
    expect(annotations.request_id).toBe(requestId);
    expect(start_time).toBeLessThanOrEqual(end_time);
    expect(Math.abs(end_time - Date.now() / 1000)).toBeLessThan(60);
  }
  const statements = received.flatMap(({ subsegments }) => subsegments);
  expect(new Set(statements.map(({ name }) => name.replace(/\d/, 'N')))).toEqual(new Set(['api', 'cellN']));
  expect(statements.at(-1)?.sql.sanitized_query).toContain("vm_state = 'active'");
  expect(JSON.stringify(received)).not.toContain('c2VjcmV0');
});

test('nothing is sent of a request that is no sample', async () => {
  received.length = 0;
  await boot('0');
  expect(received).toEqual([]);
});

test('a boot joins the trace of the request that starts it', async () => {
  const traces: unknown[] = [];
  const server = createServer(({ headers }, response) => {
    traces.push(headers['x-amzn-trace-id']);
    response.end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const header = `Root=${root};Parent=53995c3f42cd8ad8;Sampled=1`;
  const { port } = server.address() as AddressInfo;
  const original = { ...process.env };
  Object.assign(process.env, {
    AWS_LAMBDA_FUNCTION_NAME: 'compute',
    _X_AMZN_TRACE_ID: header,
    AWS_ENDPOINT_URL_SFN: `http://127.0.0.1:${port}`,
  });
  vi.resetModules();
  const fresh = await import('../../../../lambdas/workflows/boot/start.ts');
  await fresh.startBoot({ execution: 'r-1', requestId: 'req-1', servers: [] });
  process.env = original;
  server.close();
  expect(traces).toEqual([header]);
});
