/** Every request that a server can get while it has no cell yet: Nova's checks find it in BUILD, without a host, and look for it in no cell. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, type Json, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { changesNothing } from '../../../../fixtures/contents.ts';
import { acceptServer } from '../../../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let admin: User;
let id: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  // Accepted, and no boot is started.
  const accepted = await acceptServer(cloud);
  id = accepted.id;
  admin = await cloud.newUser('admin', accepted.caller.projectId);
});
afterAll(() => cloud?.stop());

type Reply = [status: number, body: unknown];
const conflict = (message: string): Reply => [409, { conflictingRequest: { code: 409, message } }];
const building = (word: string) => () => conflict(`Cannot '${word}' instance ${id} while it is in vm_state building`);
const notReady = () => conflict(`Instance ${id} is not ready`);
const missing = (): Reply => [404, { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } }];
const ok = (body: unknown) => (): Reply => [200, body];

const image = 'c1220500-0000-4000-8000-000000000001';
type Row = [method: string, path: string, body: object | undefined, answer: () => Reply, microversion?: number];
const rows: readonly Row[] = [
  ...['pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue', 'restore', 'lock', 'unlock'].map(
    (name): Row => ['POST', '/action', { [name]: null }, building(name)],
  ),
  ...['SOFT', 'HARD'].map((type): Row => ['POST', '/action', { reboot: { type } }, building('reboot')]),
  ['POST', '/action', { rebuild: { imageRef: image } }, building('rebuild')],
  ['POST', '/action', { changePassword: { adminPass: 'secret' } }, building('changePassword')],
  ['POST', '/action', { createImage: { name: 'image' } }, building('createImage')],
  ['POST', '/action', { createBackup: { name: 'backup', backup_type: 'daily', rotation: 1 } }, building('createBackup')],
  ['POST', '/action', { 'os-resetState': { state: 'error' } }, building('os-resetState')],
  ...['os-start', 'os-stop', 'trigger_crash_dump'].map((name): Row => ['POST', '/action', { [name]: null }, missing]),
  ['POST', '/action', { 'os-getConsoleOutput': {} }, notReady],
  ['POST', '/action', { 'os-getVNCConsole': { type: 'novnc' } }, notReady, 5],
  ['POST', '/action', { injectNetworkInfo: null }, notReady],
  ['GET', '/diagnostics', undefined, notReady],
  ['POST', '/remote-consoles', { remote_console: { protocol: 'vnc', type: 'novnc' } }, notReady],
  ['PUT', '/metadata', { metadata: {} }, building('update metadata')],
  ['PUT', '/tags/blue', undefined, building('update tag')],
  ['POST', '/os-interface', {}, building('attach_interface')],
  ['POST', '/os-volume_attachments', { volumeAttachment: { volumeId: randomUUID() } }, building('attach_volume')],
  ['GET', '/ips', undefined, ok({ addresses: {} })],
  ['GET', '/metadata', undefined, ok({ metadata: { one: '1' } })],
  ['GET', '/os-interface', undefined, ok({ interfaceAttachments: [] })],
  ['GET', '/os-volume_attachments', undefined, ok({ volumeAttachments: [] })],
];

async function ask(method: string, path: string, body?: object, microversion = 100): Promise<Reply> {
  const answer = await admin.send<Json | undefined>(method, `/servers/${id}${path}`, { ...(body && { body }), microversion });
  return [answer.status, answer.body];
}

test.each(rows)('answers %s %s %j, and is as it was', async (method, path, body, answer, microversion = 100) => {
  const run = async () => expect(await ask(method, path, body, microversion)).toEqual(answer());
  await changesNothing(cloud.database('cell1'), () => changesNothing(cloud.database('cell0'), run));
  expect(await ask('GET', '')).toEqual([200, { server: expect.objectContaining({ status: 'BUILD', locked: false, name: 'server' }) }]);
});

test('it can be renamed, and deleted', async () => {
  expect(await ask('PUT', '', { server: { name: 'renamed' } })).toEqual([200, { server: expect.objectContaining({ name: 'renamed' }) }]);
  expect((await ask('DELETE', ''))[0]).toBe(204);
  expect((await ask('GET', ''))[0]).toBe(404);
});
