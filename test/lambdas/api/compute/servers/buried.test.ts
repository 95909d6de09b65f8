/**
 * Every request that a server in cell0 can get, in ERROR as it was buried, and after an admin has called it active: Nova's checks look at the lock, the host, the
 * state and the launch in the order of each method, and it has neither a host nor a launch.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, type Json, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { changesNothing } from '../../../../fixtures/contents.ts';

let cloud: Cloud;
let member: User;
let admin: User;
let id: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  member = await cloud.newUser();
  admin = await cloud.newUser('admin', member.projectId);
  id = await member.boot({ tags: ['red'], metadata: { role: 'db' }, flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  expect((await member.settled(id)).status).toBe('ERROR');
});
afterAll(() => cloud?.stop());

const states = ['error', 'active'] as const;
type State = (typeof states)[number];
type Reply = [status: number, body: unknown];
/** What a request is answered in a state. */
type Answer = (state: State) => Reply;

const conflict = (message: string): Reply => [409, { conflictingRequest: { code: 409, message } }];
const missing = (message: string) => (): Reply => [404, { itemNotFound: { code: 404, message } }];
const badRequest = (message: string) => (): Reply => [400, { badRequest: { code: 400, message } }];
/** The state does not allow it. */
const inState =
  (word: string): Answer =>
  (state) =>
    conflict(`Cannot '${word}' instance ${id} while it is in vm_state ${state}`);
/** The state allows it, but the server was never launched. */
const neverLaunched =
  (word: string): Answer =>
  () =>
    conflict(`Instance ${id} is in an invalid state for '${word}'`);
/** It has no host, which is asked first. */
const notReady: Answer = () => conflict(`Instance ${id} is not ready`);
/** ACTIVE is a state that would allow it, ERROR is none. */
const ifLaunched =
  (word: string): Answer =>
  (state) =>
    (state === 'active' ? neverLaunched : inState)(word)(state);
const ok =
  (body: unknown, status = 200): Answer =>
  () => [status, body];
const accepted = ok(undefined, 202);

const image = 'c1220500-0000-4000-8000-000000000001';
const [port, volume, share] = [randomUUID(), randomUUID(), randomUUID()];

const actions: readonly [body: object, answer: Answer, microversion?: number][] = [
  [{ reboot: { type: 'SOFT' } }, ifLaunched('reboot')],
  [{ reboot: { type: 'HARD' } }, neverLaunched('reboot')],
  [{ rebuild: { imageRef: image } }, neverLaunched('rebuild')],
  [{ rescue: null }, neverLaunched('rescue')],
  [{ unrescue: null }, inState('unrescue')],
  [{ 'os-start': null }, notReady],
  [{ 'os-stop': null }, notReady],
  [{ trigger_crash_dump: null }, notReady],
  [{ 'os-getConsoleOutput': {} }, notReady],
  [{ 'os-getVNCConsole': { type: 'novnc' } }, notReady, 5],
  [{ 'os-getSPICEConsole': { type: 'spice-html5' } }, notReady, 5],
  [{ 'os-getSerialConsole': { type: 'serial' } }, notReady, 5],
  [{ 'os-getRDPConsole': { type: 'rdp-html5' } }, ok(expect.objectContaining({ badRequest: expect.anything() }), 400), 5],
  [{ pause: null }, ifLaunched('pause')],
  [{ unpause: null }, inState('unpause')],
  [{ suspend: null }, ifLaunched('suspend')],
  [{ resume: null }, inState('resume')],
  [{ resize: { flavorRef: '2' } }, ifLaunched('resize')],
  [{ confirmResize: null }, inState('confirmResize')],
  [{ revertResize: null }, inState('revertResize')],
  [{ migrate: null }, ifLaunched('migrate')],
  [{ 'os-migrateLive': { host: null, block_migration: 'auto' } }, ifLaunched('os-migrateLive')],
  [{ createImage: { name: 'image' } }, ifLaunched('createImage')],
  [{ createBackup: { name: 'backup', backup_type: 'daily', rotation: 1 } }, ifLaunched('createBackup')],
  [{ shelve: null }, ifLaunched('shelve')],
  [{ shelveOffload: null }, inState('shelveOffload')],
  [{ unshelve: null }, inState('unshelve')],
  [{ changePassword: { adminPass: 'secret' } }, ifLaunched('changePassword')],
  [{ restore: null }, inState('restore')],
  [{ addSecurityGroup: { name: 'default' } }, () => missing(`instance_id ${id} could not be found as device id on any ports`)()],
  [{ removeSecurityGroup: { name: 'default' } }, () => missing(`instance_id ${id} could not be found as device id on any ports`)()],
  [{ addFloatingIp: { address: '192.0.2.1' } }, badRequest('Instance network is not ready yet'), 43],
  [{ injectNetworkInfo: null }, notReady],
  [{ resetNetwork: null }, ok(expect.objectContaining({ computeFault: expect.anything() }), 410)],
];

const parts: readonly [method: string, path: string, body: object | undefined, answer: Answer, microversion?: number][] = [
  ['GET', '/ips', undefined, ok({ addresses: {} })],
  ['GET', '/metadata', undefined, ok({ metadata: { role: 'db' } })],
  ['PUT', '/metadata', { metadata: {} }, ifLaunched('update metadata')],
  ['POST', '/metadata', { metadata: { a: 'b' } }, ifLaunched('update metadata')],
  ['PUT', '/metadata/role', { meta: { role: 'web' } }, ifLaunched('update metadata')],
  ['DELETE', '/metadata/role', undefined, ifLaunched('delete metadata')],
  ['GET', '/tags', undefined, ok({ tags: ['red'] })],
  ['GET', '/os-interface', undefined, ok({ interfaceAttachments: [] })],
  ['POST', '/os-interface', {}, ifLaunched('attach_interface')],
  ['DELETE', `/os-interface/${port}`, undefined, ifLaunched('detach_interface')],
  ['GET', '/os-volume_attachments', undefined, ok({ volumeAttachments: [] })],
  ['POST', '/os-volume_attachments', { volumeAttachment: { volumeId: volume } }, ifLaunched('attach_volume')],
  ['DELETE', `/os-volume_attachments/${volume}`, undefined, missing(`Volume ${volume} could not be found.`)],
  ['GET', '/diagnostics', undefined, notReady],
  ['GET', '/os-security-groups', undefined, ok({ security_groups: [] })],
  ['POST', '/remote-consoles', { remote_console: { protocol: 'vnc', type: 'novnc' } }, notReady],
  ['GET', '/migrations', undefined, ok({ migrations: [] })],
  ['GET', '/topology', undefined, ok({ nodes: [], pagesize_kb: null })],
  ['GET', '/os-server-password', undefined, ok({ password: '' })],
  ['GET', '/shares', undefined, ok({ shares: [] })],
  ['POST', '/shares', { share: { share_id: share } }, inState('create share')],
];

async function ask(method: string, path: string, body?: object, microversion = 100): Promise<Reply> {
  const answer = await admin.send<Json | undefined>(method, `/servers/${id}${path}`, { ...(body && { body }), microversion });
  return [answer.status, answer.body];
}

const resetTo = (state: State) => ask('POST', '/action', { 'os-resetState': { state } });

describe.each(states)('a server in cell0, in state %s,', (state) => {
  beforeAll(async () => {
    if (state === 'active') expect(await resetTo(state)).toEqual([202, undefined]);
    expect((await ask('GET', ''))[1]).toMatchObject({ server: { 'OS-EXT-STS:vm_state': state, 'OS-EXT-SRV-ATTR:host': null, hostId: '' } });
  });

  const rows = [
    ...actions.map(([body, answer, microversion = 100]) => ['POST', '/action', body, answer, microversion] as const),
    ...parts.map(([method, path, body, answer, microversion = 100]) => [method, path, body, answer, microversion] as const),
  ];
  test.each(rows)('answers %s %s %j, and is as it was', async (method, path, body, answer, microversion) => {
    await changesNothing(cloud.database('cell0'), async () => expect(await ask(method, path, body, microversion)).toEqual(answer(state)));
  });

  test('can be changed itself, locked and unlocked; who is no admin reads of the lock first', async () => {
    expect(await ask('PUT', '', { server: { name: 'renamed', description: 'no host', hostname: 'renamed' } })).toEqual([
      200,
      { server: expect.objectContaining({ name: 'renamed', description: 'no host', status: state.toUpperCase() }) },
    ]);
    expect(await ask('POST', '/action', { lock: { locked_reason: 'to be looked at' } })).toEqual([202, undefined]);
    expect((await ask('GET', ''))[1]).toMatchObject({ server: { locked: true, locked_reason: 'to be looked at' } });
    for (const body of [{ 'os-stop': null }, { pause: null }, { unpause: null }, { reboot: { type: 'HARD' } }]) {
      const { status, body: refusal } = await member.send('POST', `/servers/${id}/action`, { body });
      expect([status, refusal]).toEqual(conflict(`Instance ${id} is locked`));
    }
    expect(await ask('POST', '/action', { unlock: null })).toEqual(accepted(state));
  });

  test('has tags that can be changed when it is active, launched or not', async () => {
    const refused = (word: string) => (state === 'error' ? inState(word)(state) : undefined);
    expect(await ask('PUT', '/tags/blue')).toEqual(refused('update tag') ?? [201, undefined]);
    expect(await ask('DELETE', '/tags/red')).toEqual(refused('delete tag') ?? [204, undefined]);
    expect(await ask('PUT', '/tags', { tags: ['red'] })).toEqual(refused('update tags') ?? [200, { tags: ['red'] }]);
    expect(await ask('DELETE', '/tags')).toEqual(refused('delete tags') ?? [204, undefined]);
  });
});

test('what was done to it is recorded, the burial first', async () => {
  const [, body] = await ask('GET', '/os-instance-actions');
  const { instanceActions } = body as { instanceActions: { action: string; message: string | null }[] };
  expect(instanceActions.map(({ action, message }) => [action, message]).toReversed()).toEqual([
    ['create', 'Error'],
    ['lock', null],
    ['unlock', null],
    ['resetState', null],
    ['lock', null],
    ['unlock', null],
  ]);
});

test('an admin’s word makes it nothing else: it stays in cell0, goes back to ERROR, and is deleted by either way', async () => {
  expect(await resetTo('error')).toEqual([202, undefined]);
  expect((await ask('GET', ''))[1]).toMatchObject({ server: { status: 'ERROR', fault: { message: 'No valid host was found. ' } } });
  expect(await resetTo('active')).toEqual([202, undefined]);
  const other = await member.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  await member.settled(other);
  expect((await admin.send('POST', `/servers/${other}/action`, { body: { 'os-resetState': { state: 'active' } } })).status).toBe(202);
  expect((await member.send('POST', `/servers/${other}/action`, { body: { forceDelete: null } })).status).toBe(202);
  expect((await member.send('DELETE', `/servers/${id}`)).status).toBe(204);
  for (const gone of [id, other]) expect((await member.send('GET', `/servers/${gone}`)).status).toBe(404);
});
