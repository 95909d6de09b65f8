/** What Nova has and this service has not says so. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let admin: User;
let member: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  [admin, member] = [await cloud.newUser('admin'), await cloud.newUser()];
});
afterAll(() => cloud?.stop());

const fault = (name: string, code: number, message: string) => [code, { [name]: { code, message } }];
const notImplemented = fault('notImplemented', 501, 'The requested functionality is not supported.');
const gone = fault('computeFault', 410, 'This resource is no longer available.  No forwarding address is given.');
const missing = fault('itemNotFound', 404, 'The resource could not be found.');

async function ask(user: User, method: string, path: string, options = {}): Promise<unknown[]> {
  const { status, body } = await user.send(method, path, options);
  return [status, body];
}

test.each([
  ['GET', '/os-hypervisors/detail', {}, notImplemented],
  ['GET', '/os-services', {}, notImplemented],
  ['GET', '/os-migrations', {}, [200, { migrations: [] }]],
  ['POST', '/os-aggregates', { body: { aggregate: {} } }, notImplemented],
  ['POST', '/os-aggregates/1/action', { body: { add_host: {} } }, notImplemented],
  ['POST', '/os-aggregates/1/action', { body: { lose_host: {} } }, fault('badRequest', 400, 'There is no such action: lose_host')],
  ['POST', '/flavors/1/action', { body: { addTenantAccess: {} } }, notImplemented],
  ['PUT', '/flavors/1', { body: {}, microversion: 55 }, notImplemented],
  ['PUT', '/flavors/1', { body: {}, microversion: 54 }, missing],
  ['GET', '/images', { microversion: 35 }, notImplemented],
  ['GET', '/images', { microversion: 36 }, missing],
  ['GET', '/images/1/metadata', { microversion: 38 }, notImplemented],
  ['GET', '/images/1/metadata', { microversion: 39 }, missing],
  ['GET', '/os-networks', { microversion: 35 }, notImplemented],
  ['GET', '/os-networks', { microversion: 36 }, missing],
  ['POST', '/os-networks', { microversion: 100 }, gone],
  ['GET', '/os-hosts', { microversion: 42 }, notImplemented],
  ['GET', '/os-hosts', { microversion: 43 }, missing],
  ['GET', '/os-hypervisors/1/servers', { microversion: 52 }, notImplemented],
  ['GET', '/os-hypervisors/1/servers', { microversion: 53 }, missing],
  ['GET', '/os-hypervisors/statistics', { microversion: 87 }, notImplemented],
  ['POST', '/os-aggregates/1/images', { microversion: 80 }, missing],
  ['GET', '/os-agents', {}, gone],
  ['GET', '/os-cells/info', {}, gone],
  ['GET', '/os-nothing', {}, missing],
])('%s %s with %o', async (method, path, options, answer) => {
  expect(await ask(admin, method, path, options)).toEqual(answer);
});

test('hypervisors are none of a member', async () => {
  const message = "Policy doesn't allow os_compute_api:os-hypervisors:list to be performed.";
  expect(await ask(member, 'GET', '/os-hypervisors')).toEqual(fault('forbidden', 403, message));
});

test('one extra spec of a flavor is there or not', async () => {
  const miss = (key: string) => fault('itemNotFound', 404, `Flavor 1 has no extra specs with key ${key}.`);
  expect(await ask(member, 'GET', '/flavors/1/os-extra_specs/hw:cpu_policy')).toEqual(miss('hw:cpu_policy'));
  expect(await ask(member, 'GET', '/flavors/1/os-extra_specs/constructor')).toEqual(miss('constructor'));
  expect(await ask(member, 'GET', '/flavors/none/os-extra_specs/a')).toEqual(fault('itemNotFound', 404, 'Flavor none could not be found.'));
});
