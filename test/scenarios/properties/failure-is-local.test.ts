/** Property 10: a cell that is silent, closed or asleep delays its own servers only, and nobody waits past the time that the function has. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Cloud, type ServerBody, startCloud, type User } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';

let cloud: Cloud;
let user: User;
/** The server of each cell. */
const servers: Record<string, string> = {};
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 1 });
  user = await cloud.newUser();
  const admin = await cloud.newUser('admin');
  const { body } = await user.send<{ server: ServerBody }>('POST', '/servers', { body: twoServers });
  await cloud.service.workflow.drain();
  expect(body.server.id).toBeDefined();
  const list = await admin.send<{ servers: ServerBody[] }>('GET', '/servers/detail?all_tenants=1');
  for (const { id, 'OS-EXT-SRV-ATTR:host': host } of list.body.servers) servers[String(host).slice(0, 5)] ??= id;
  expect(Object.keys(servers).toSorted()).toEqual(['cell1', 'cell2']);
});
afterAll(() => cloud?.stop());
afterEach(async () => {
  cloud.service.functions.time = undefined;
  cloud.service.dataApi.faults.clear();
  await comeToRest(cloud.service);
});

const twoServers = {
  server: { name: 's', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none', min_count: 6, max_count: 6 },
};

/** The whole of an invocation's time, of which the last two seconds are kept for the answer. */
const time = 3_500;

async function timed<Reply>(request: () => Promise<Reply>): Promise<{ reply: Reply; waited: number }> {
  cloud.service.functions.time = time;
  const start = performance.now();
  const reply = await request();
  return { reply, waited: performance.now() - start };
}

test('a silent cell holds a server that is asked for no longer than the function lasts', async () => {
  cloud.service.dataApi.faults.add({ kind: 'hangs', cluster: 'cell1' });
  const recent = await timed(() => user.send<{ server: ServerBody }>('GET', `/servers/${servers.cell1}`));
  expect(recent.reply).toMatchObject({ status: 200, body: { server: { id: servers.cell1, status: 'UNKNOWN' } } });
  expect(recent.waited).toBeLessThan(time - 1_000);
  const old = await timed(() => user.send('GET', `/servers/${servers.cell1}`, { microversion: 68 }));
  expect(old.reply).toMatchObject({ status: 503, body: { serviceUnavailable: { code: 503 } } });
  expect(old.reply.headers.get('retry-after')).toBe('20');
  expect(old.reply.headers.get('x-openstack-request-id')).toMatch(/^req-/);
  expect(old.waited).toBeLessThan(time - 1_000);
});

test('a silent cell holds a delete no longer than the function lasts', async () => {
  cloud.service.dataApi.faults.add({ kind: 'hangs', cluster: 'cell1' });
  const { reply, waited } = await timed(() => user.send('DELETE', `/servers/${servers.cell1}`));
  expect(reply.status).toBe(503);
  expect(waited).toBeLessThan(time - 1_000);
  cloud.service.dataApi.faults.clear();
  await comeToRest(cloud.service);
  expect((await user.send<{ server: ServerBody }>('GET', `/servers/${servers.cell1}`)).body.server.status).toBe('ACTIVE');
});

test('the api database and a cell that wake up one after the other take no longer than the function lasts', async () => {
  for (const cluster of ['api', 'cell1']) cloud.service.dataApi.faults.add({ kind: 'paused', milliseconds: 1_000, cluster });
  const { reply, waited } = await timed(() => user.send<{ server: ServerBody }>('GET', `/servers/${servers.cell1}`));
  expect(reply).toMatchObject({ status: 200, body: { server: { status: 'UNKNOWN' } } });
  expect(waited).toBeLessThan(time - 1_000);
  cloud.service.functions.time = undefined;
  expect((await user.send<{ server: ServerBody }>('GET', `/servers/${servers.cell1}`)).body.server.status).toBe('ACTIVE');
});

test('a boot whose cell falls silent ends in another cell', async () => {
  cloud.service.functions.time = 2_600;
  cloud.service.dataApi.faults.add({ kind: 'hangs', cluster: 'cell1' });
  const ids = await Promise.all([user.boot(), user.boot(), user.boot()]);
  await cloud.service.workflow.drain();
  cloud.service.functions.time = undefined;
  cloud.service.dataApi.faults.clear();
  for (const id of ids) expect((await user.settled(id)).status).toBe('ACTIVE');
});
