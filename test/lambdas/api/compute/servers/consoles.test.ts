/** Consoles as a resource: no host here has one, and Nova's answer says which type is not available. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let member: User;
let living: string;
let buried: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  member = await cloud.newUser();
  living = await member.boot();
  buried = await member.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  expect([(await member.settled(living)).status, (await member.settled(buried)).status]).toEqual(['ACTIVE', 'ERROR']);
});
afterAll(() => cloud?.stop());

async function ask(id: string, protocol: string, type: string, microversion = 100): Promise<[number, unknown]> {
  const body = { remote_console: { protocol, type } };
  const answer = await member.send('POST', `/servers/${id}/remote-consoles`, { body, microversion });
  return [answer.status, answer.body];
}

test('a type of console is not available, and a server without a host is not ready', async () => {
  const unavailable = (type: string) => [400, { badRequest: { code: 400, message: `Unavailable console type ${type}.` } }];
  expect(await ask(living, 'vnc', 'novnc')).toEqual(unavailable('novnc'));
  expect(await ask(living, 'spice', 'spice-direct')).toEqual(unavailable('spice-direct'));
  expect(await ask(buried, 'serial', 'serial')).toEqual([
    409,
    { conflictingRequest: { code: 409, message: `Instance ${buried} is not ready` } },
  ]);
  // Nova took this protocol away, and says so before it looks at the server.
  expect(await ask(buried, 'rdp', 'rdp-html5')).toEqual(unavailable('rdp'));
});

test('a token of a console leads nowhere; before 2.31 it was no token of these consoles', async () => {
  const admin = await cloud.newUser('admin');
  const ask = async (microversion: number) => {
    const { status, body } = await admin.send('GET', '/os-console-auth-tokens/x', { microversion });
    return [status, JSON.stringify(body)];
  };
  expect(await ask(31)).toEqual([404, expect.stringContaining('Token not found')]);
  expect(await ask(30)).toEqual([400, expect.any(String)]);
});

test.each([
  ['mks', 'webmks', 8],
  ['spice', 'spice-direct', 99],
])('%s %s came with 2.%i', async (protocol, type, since) => {
  const [, before] = await ask(living, protocol, type, since - 1);
  expect(JSON.stringify(before)).toContain('is not one of');
  expect(JSON.stringify((await ask(living, protocol, type, since))[1])).toContain(`Unavailable console type ${type}.`);
});
