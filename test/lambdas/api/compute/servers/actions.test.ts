/** The path of all actions of a server: none takes a living server for one that is gone, and what is not built says so. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { microversions } from '../../../../../lambdas/api/compute/microversions.ts';
import { serverActionRoute } from '../../../../../lambdas/api/compute/servers/actions.ts';
import { type Cloud, type Json, type RequestOptions, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let member: User;
let admin: User;
let living: string;
let buried: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  member = await cloud.newUser();
  admin = await cloud.newUser('admin');
  living = await member.boot();
  buried = await member.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  expect([(await member.settled(living)).status, (await member.settled(buried)).status]).toEqual(['ACTIVE', 'ERROR']);
});
afterAll(() => cloud?.stop());

async function act(user: User, id: string, body: unknown, options: RequestOptions = {}): Promise<[number, unknown]> {
  const { status, body: answer } = await user.send<Json | undefined>('POST', `/servers/${id}/action`, { ...options, body });
  return [status, answer];
}

const badRequest = (message: string) => [400, { badRequest: { code: 400, message } }];
const missing = (message: string) => [404, { itemNotFound: { code: 404, message } }];
const conflict = (message: string) => [409, { conflictingRequest: { code: 409, message } }];
const notImplemented = [501, { notImplemented: { code: 501, message: 'The requested functionality is not supported.' } }];
const outside = missing('The resource could not be found.');

test('an action that there is not is refused by its name, whatever the server', async () => {
  for (const name of ['hibernate', 'OS-START', '__proto__', 'constructor', '']) {
    const body = JSON.parse(`{"${name}": null}`);
    expect(await act(member, living, body), name).toEqual(badRequest(`There is no such action: ${name}`));
    expect(await act(member, randomUUID(), body), name).toEqual(badRequest(`There is no such action: ${name}`));
  }
});

test('a body that is not one action is malformed', async () => {
  for (const body of [{}, { pause: null, unpause: null }, [], 'pause']) {
    expect(await act(member, living, body), JSON.stringify(body)).toEqual(badRequest('Malformed request body'));
  }
  const { status } = await member.send('POST', `/servers/${living}/action`);
  expect(status).toBe(400);
});

const unbuilt = [...(serverActionRoute.actions ?? [])].filter(([, { refusal }]) => refusal === 501);

test.each(unbuilt)('%s is not built, at the price of a show; a server that is not there is 404 as ever', async (name, route) => {
  const served = microversions.findLast((microversion) => route.isIn(microversion));
  const options = { microversion: Number(String(served).slice('2.'.length)) };
  const before = cloud.service.dataApi.calls.mark();
  expect(await act(admin, living, { [name]: null }, options)).toEqual(notImplemented);
  expect(cloud.service.dataApi.calls.since(before)).toHaveLength(2);
  const unknown = randomUUID();
  expect(await act(admin, unknown, { [name]: null }, options)).toEqual(missing(`Instance ${unknown} could not be found.`));
});

const notReady = (id: string) => `Instance ${id} is not ready`;

const consoles = [
  ['os-getVNCConsole', 'novnc'],
  ['os-getSPICEConsole', 'spice-html5'],
  ['os-getSerialConsole', 'serial'],
] as const;

test.each(consoles)('there is no console for %s, and no host in cell0 that could have one', async (name, type) => {
  const body = { [name]: { type } };
  expect(await act(member, buried, body, { microversion: 5 })).toEqual(conflict(notReady(buried)));
  expect(await act(member, living, body, { microversion: 5 })).toEqual(badRequest(`Unavailable console type ${type}.`));
  expect(await act(member, living, body, { microversion: 6 })).toEqual(outside);
});

test.each(['evacuate'])('a server in cell0 does not refuse %s', async (name) => {
  expect(await act(admin, buried, { [name]: null })).toEqual(notImplemented);
});

test('a server that is not deleted cannot be restored, and an admin may inform the network of one that has a host', async () => {
  expect(await act(member, living, { restore: null })).toEqual(
    conflict(`Cannot 'restore' instance ${living} while it is in vm_state active`),
  );
  expect(await act(admin, living, { injectNetworkInfo: null })).toEqual([202, undefined]);
  expect(await act(admin, buried, { injectNetworkInfo: null })).toEqual(conflict(notReady(buried)));
  expect((await act(member, living, { injectNetworkInfo: null }))[0]).toBe(403);
});

test('trigger_crash_dump is in 2.17 and not in 2.16', async () => {
  expect(await act(member, living, { trigger_crash_dump: null }, { microversion: 17 })).toEqual([202, undefined]);
  expect(await act(member, living, { trigger_crash_dump: null }, { microversion: 16 })).toEqual(outside);
});

test('what Nova took away is gone in every microversion', async () => {
  const message = 'This resource is no longer available.  No forwarding address is given.';
  for (const microversion of [1, 100]) {
    expect(await act(member, living, { resetNetwork: null }, { microversion })).toEqual([410, { computeFault: { code: 410, message } }]);
  }
  expect((await act(member, living, { 'os-getRDPConsole': null }, { microversion: 5 }))[0]).toBe(400);
  expect(await act(member, living, { 'os-getRDPConsole': null }, { microversion: 6 })).toEqual(outside);
});

test('forceDelete deletes, whether the server runs or is buried, and a second one finds nothing', async () => {
  const user = await cloud.newUser();
  const [runs, lies] = [await user.boot(), await user.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) })];
  for (const id of [runs, lies]) {
    await user.settled(id);
    expect(await act(user, id, { forceDelete: null })).toEqual([202, undefined]);
    expect((await user.send('GET', `/servers/${id}`)).status).toBe(404);
    expect(await act(user, id, { forceDelete: null })).toEqual(missing(`Instance ${id} could not be found.`));
  }
  const { body } = await user.send<{ limits: { absolute: Record<string, number> } }>('GET', '/limits');
  expect(body.limits.absolute.totalInstancesUsed).toBe(0);
});
