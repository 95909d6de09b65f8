/** The log and the metrics of a real cloud: what is in every line, what is in none, and that nothing is counted twice. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../../../../database/data-api/client.ts';
import { handler as audit } from '../../../../lambdas/workflows/audit/audit.ts';
import { handler as reap } from '../../../../lambdas/workflows/reaper/reap.ts';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';
import { synthesise, templateOf } from '../../../infra/synthesis.ts';
import { captureOutput } from './output.ts';

const output = captureOutput('cellzero');
let cloud: Cloud;
let user: User;
let tooLarge: string;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 1 });
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
});
afterAll(async () => {
  await cloud?.stop();
  output.stop();
});
beforeEach(async () => {
  user = await cloud.newUser();
  output.clear();
});
afterEach(async () => {
  delete process.env.SIMULATION;
  cloud.service.dataApi.faults.clear();
  await cloud.service.workflow.drain();
});

async function boot(server: object = {}): Promise<{ id: string; requestId: string }> {
  const image = 'c1220500-0000-4000-8000-000000000001';
  const body = { server: { name: 'n', imageRef: image, flavorRef: '1', networks: 'none', ...server } };
  const { body: answer, headers } = await user.send<{ server: { id: string } }>('POST', '/servers', { body });
  await cloud.service.workflow.drain();
  return { id: answer.server.id, requestId: headers.get('x-openstack-request-id') ?? '' };
}

/** The values of a metric by its dimensions, as `service` or `service/cause`. */
function measured(name: string): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const { dimensions, values } of output.metrics().filter((metric) => metric.name === name)) {
    const key = Object.values(dimensions).join('/');
    found[key] = [...(found[key] ?? []), ...values];
  }
  return found;
}

const plausible = [expect.closeTo(5, -1)];

test('every line of a boot carries the request id of the client, and the ids of what it is about', async () => {
  const { id, requestId } = await boot();
  const lines = output.lines();
  expect(lines.map(({ service, message }) => [service, message])).toEqual([
    ['compute', 'answered'],
    ['BootOne', 'active'],
  ]);
  expect(lines.map(({ request_id }) => request_id)).toEqual([requestId, requestId]);
  expect(lines[0]).toMatchObject({ method: 'POST', path: '/v2.1/servers', status: 202, data_api_calls: 2, servers: [id] });
  expect(lines[1]).toMatchObject({ reservation: lines[0]?.reservation, execution: lines[0]?.reservation, server: id });
});

test('a boot to ACTIVE is counted once', async () => {
  await boot({ min_count: 3, max_count: 3 });
  expect(measured('BootsAccepted')).toEqual({ compute: [3] });
  expect(measured('BootsActive')).toEqual({ BuildOnHost: [1, 1, 1] });
  expect(measured('TimeToActive')).toEqual({ BuildOnHost: [...plausible, ...plausible, ...plausible] });
  expect(measured('DataApiLatency')).toMatchObject({
    compute: [expect.any(Number), expect.any(Number)],
    ScheduleServers: [expect.any(Number), expect.any(Number)],
  });
  expect([measured('BootsBuried'), measured('TimeToError')]).toEqual([{}, {}]);
});

test('a burial is counted once by first cause, and logged with it', async () => {
  const { id, requestId } = await boot({ flavorRef: tooLarge });
  expect(measured('BootsBuried')).toEqual({ 'BuryInCell0/DISK_GB': [1] });
  expect(measured('TimeToError')).toEqual({ BuryInCell0: plausible });
  expect(output.lines().at(-1)).toMatchObject({ message: 'buried in cell0', server: id, request_id: requestId, cause: 'DISK_GB' });
});

test('a boot of one server is counted once', async () => {
  await boot();
  expect(measured('BootsActive')).toEqual({ BootOne: [1] });
  expect(measured('TimeToActive')).toEqual({ BootOne: plausible });
});

test.each([
  ['BootOne', 1],
  ['FailInCell', 2],
])('a boot whose hosts all fail is counted once, by %s', async (service, count) => {
  process.env.SIMULATION = JSON.stringify({ failureChance: 1 });
  await boot({ min_count: count });
  expect(measured('BootsFailedInCell')).toEqual({ [service]: Array(count).fill(1) });
  expect(measured('TimeToError')).toEqual({ [service]: Array(count).fill(plausible[0]) });
  await query(cloud.service.api, 'delete from build_failures');
});

test.each(['BootOne', 'BuildOnHost', 'BuryInCell0'])('a run of %s whose answer was lost is not counted again', async (state) => {
  cloud.service.workflow.faults.add({ state, when: 'after', nth: 1, error: 'DatabaseUnreachable' });
  if (state === 'BuildOnHost') cloud.service.workflow.faults.add({ state: 'BootOne', when: 'before', nth: 1 });
  await boot(state === 'BuryInCell0' ? { flavorRef: tooLarge } : {});
  cloud.service.workflow.faults.clear();
  const [name, key] = state === 'BuryInCell0' ? ['BootsBuried', 'BuryInCell0/DISK_GB'] : ['BootsActive', state];
  expect(measured(name)).toEqual({ [key]: [1] });
});

test('a database that does not answer is counted and named', async () => {
  const { id } = await boot();
  output.clear();
  for (const cluster of ['cell1', 'cell2']) cloud.service.dataApi.faults.add({ cluster, kind: 'down' });
  expect((await user.send('GET', `/servers/${id}`, { microversion: 1 })).status).toBe(503);
  const [unreachable, failed] = output.lines();
  expect(measured('DatabaseUnreachable')).toEqual({ databases: [1], [`databases/${unreachable?.cluster}`]: [1] });
  expect(unreachable).toMatchObject({ level: 'WARN', service: 'compute', cluster: expect.stringMatching(/^cell[12]$/) });
  expect(failed).toMatchObject({ level: 'ERROR', message: 'the request failed', request_id: unreachable?.request_id });
});

test('the first run of the reaper of a day starts an audit, later ones do not', async () => {
  await reap();
  await reap();
  await cloud.service.workflow.drain();
  await expect.poll(() => output.lines().filter(({ message }) => message === 'audited').length, { timeout: 10_000 }).toBe(1);
});

test('the reaper reports what it did, and how many burials wait', async () => {
  for (const state of ['BootOne', 'ScheduleServers']) cloud.service.workflow.faults.add({ state, when: 'before', error: 'Crash' });
  cloud.service.dataApi.faults.add({ cluster: 'cell0', kind: 'down' });
  const { requestId } = await boot();
  output.clear();
  await reap();
  expect([measured('BootsStalled'), measured('BurialsWaiting')]).toEqual([{ reaper: [0] }, { reaper: [1] }]);

  await query(cloud.service.api, `update build_requests set updated_at = now() - interval '1 day'`);
  cloud.service.dataApi.faults.clear();
  cloud.service.workflow.faults.clear();
  await reap();
  await cloud.service.workflow.drain();
  expect(measured('BootsStalled')).toEqual({ reaper: [0, 1] });
  const [active] = output.lines().filter(({ message }) => message === 'active');
  expect(active).toMatchObject({ request_id: requestId, execution: expect.stringMatching(`^${active?.reservation}-`) });
});

test('an audit counts what it finds and reports each finding', async () => {
  const project = user.projectId;
  await query(cloud.service.api, 'insert into quota_usages (project_id, ram) values (:project, 1)', { project });
  await audit();
  expect(measured('AuditFindings')).toEqual({ auditor: [1] });
  const [finding, verdict] = output.lines();
  expect(finding).toMatchObject({ level: 'ERROR', message: 'finding', kind: 'quota-drift', ids: { project } });
  expect(verdict).toMatchObject({ message: 'audited', clean: false, findings: 1 });
});

describe('no line holds', () => {
  const secret = 'c4nary';
  const encoded = Buffer.from(secret.repeat(20)).toString('base64');

  test('a password or a token', async () => {
    const { url, passwords } = cloud.service;
    const ask = async (password: string) => {
      const auth = { identity: { methods: ['password'], password: { user: { name: 'demo', domain: { id: 'default' }, password } } } };
      const body = JSON.stringify({ auth: { ...auth, scope: { project: { name: 'demo', domain: { id: 'default' } } } } });
      return fetch(`${url}/identity/v3/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    };
    const good = await ask(passwords.demo);
    const bad = await ask(secret);
    expect([good.status, bad.status]).toEqual([201, 401]);
    const token = good.headers.get('x-subject-token') ?? '';
    for (const used of [token, `${token}x`]) {
      await fetch(`${url}/identity/v3/auth/tokens`, { headers: { 'x-auth-token': used, 'x-subject-token': used } });
    }
    expect(output.lines().map(({ service, status }) => [service, status])).toEqual([
      ['identity', 201],
      ['identity', 401],
      ['identity', 200],
      ['identity', 401],
    ]);
    for (const hidden of [passwords.demo, secret, token]) expect(output.text()).not.toContain(hidden);
  });

  test.each(['ACTIVE', 'buried', 'refused by its cell'])('user data or an admin password, of a server that is %s', async (end) => {
    if (end === 'refused by its cell') {
      for (const cell of ['cell1', 'cell2']) {
        await query(cloud.database(cell), `alter table instances add constraint no_canary check (display_name <> 'refused by its cell')`);
      }
    }
    const fields = { user_data: encoded, adminPass: secret, metadata: { secret }, name: end };
    const { id } = await boot({ ...fields, ...(end === 'buried' && { flavorRef: tooLarge }) });
    for (const cell of ['cell1', 'cell2']) await query(cloud.database(cell), 'alter table instances drop constraint if exists no_canary');
    expect(output.text()).toContain(id);
    if (end === 'refused by its cell') expect(output.text()).toContain('no_canary');
    expect(output.text()).not.toContain('Failing row');
    for (const hidden of [secret, encoded.slice(0, 20), user.token]) expect(output.text()).not.toContain(hidden);
  });
});

test('all metrics that alarms and the dashboard use were emitted here', async () => {
  await fetch(`${cloud.service.url}/image/v2/images`, { headers: { 'x-auth-token': user.token } });
  const template = JSON.stringify(templateOf(synthesise(), 'cellzero-control-plane').toJSON()).replaceAll('\\', '');
  const watched = [
    ...Array.from(template.matchAll(/"MetricName":"(\w+)","Namespace":"cellzero"/g), ([, name]) => name),
    ...Array.from(template.matchAll(/\["cellzero","(\w+)","service","(\w+)"/g), ([, name, service]) => `${name} of ${service}`),
    ...Array.from(template.matchAll(/\{"cellzero",[\w,]+\} MetricName="(\w+)"/g), ([, name]) => name),
  ];
  expect(watched.length).toBeGreaterThan(20);
  const measured = output.everMeasured().flatMap(({ name, dimensions }) => [name, `${name} of ${dimensions.service}`]);
  // CloudWatch counts these itself, from lines of a log.
  const counted = Array.from(template.matchAll(/"MetricTransformations":\[\{[^\]]*?"MetricName":"(\w+)"/g), ([, name]) => name);
  expect(counted).toEqual(['ServerErrors']);
  expect([...new Set(watched)].filter((metric) => !counted.includes(metric) && !measured.includes(metric ?? ''))).toEqual([]);
});
