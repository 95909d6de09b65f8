/** What of a server belongs to networks, volumes and shares, in a cloud that has none: Nova's refusals, in Nova's order. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type Json, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { changesNothing } from '../../../../fixtures/contents.ts';

let cloud: Cloud;
let member: User;
let admin: User;
let living: string;
let buried: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  [member, admin] = [await cloud.newUser(), await cloud.newUser('admin')];
  living = await member.boot();
  buried = await member.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  expect([(await member.settled(living)).status, (await member.settled(buried)).status]).toEqual(['ACTIVE', 'ERROR']);
});
afterAll(() => cloud?.stop());

type Reply = [number, unknown];

async function ask(method: string, path: string, body?: unknown, { who = member, microversion = 100 } = {}): Promise<Reply> {
  const options = { microversion, ...(body === undefined ? {} : { body }) };
  const { status, body: answer } = await who.send<Json | undefined>(method, path, options);
  return [status, answer];
}

/** Runs something while the living server is otherwise. */
async function whileIt(is: string, run: () => Promise<void>): Promise<void> {
  const cell = cloud.database('cell1');
  await query(cell, `update instances set ${is}`);
  try {
    await run();
  } finally {
    await query(cell, `update instances set vm_state = 'active', task_state = null, locked = false, launched_at = created_at`);
  }
}

const badRequest = (message: unknown): Reply => [400, { badRequest: { code: 400, message } }];
const missing = (message: string): Reply => [404, { itemNotFound: { code: 404, message } }];
const conflict = (message: string): Reply => [409, { conflictingRequest: { code: 409, message } }];
const outside = missing('The resource could not be found.');
const port = randomUUID();
const volume = randomUUID();

/** What is asked for, and how a server that runs refuses it. */
const refused: readonly [method: string, path: string, body: object | undefined, answer: () => Reply, microversion?: number][] = [
  [
    ...(['POST', 'os-interface', {}] as const),
    () => badRequest(`No specific network was requested and none are available for project '${member.projectId}'.`),
  ],
  ['POST', 'os-interface', { interfaceAttachment: { port_id: port } }, () => missing(`Port id ${port} could not be found.`)],
  [
    ...(['POST', 'os-interface', { interfaceAttachment: { net_id: port, fixed_ips: [{ ip_address: '192.0.2.1' }] } }] as const),
    () => missing(`Network ${port} could not be found.`),
  ],
  ['DELETE', `os-interface/${port}`, undefined, () => missing(`Port id ${port} could not be found.`)],
  ['POST', 'os-volume_attachments', { volumeAttachment: { volumeId: volume } }, () => missing(`Volume ${volume} could not be found.`)],
  [
    ...(['PUT', `os-volume_attachments/${volume}`, { volumeAttachment: { volumeId: volume, delete_on_termination: true } }] as const),
    () => missing(`No volume Block Device Mapping with id ${volume}.`),
  ],
  ['DELETE', `os-volume_attachments/${volume}`, undefined, () => missing(`Volume ${volume} could not be found.`)],
  [
    'POST',
    'shares',
    { share: { share_id: port } },
    () => conflict(`Cannot 'create share' instance ${living} while it is in vm_state active`),
  ],
  ['DELETE', `shares/${port}`, undefined, () => conflict(`Cannot 'delete share' instance ${living} while it is in vm_state active`)],
  ...(['addSecurityGroup', 'removeSecurityGroup'] as const).flatMap((name): (typeof refused)[number][] => [
    ['POST', 'action', { [name]: { name: 'web' } }, () => missing(`Security group web is not found for project ${member.projectId}`)],
    [
      'POST',
      'action',
      { [name]: { name: 'default' } },
      () => missing(`instance_id ${living} could not be found as device id on any ports`),
    ],
    ['POST', 'action', { [name]: { name: ' ' } }, () => badRequest('Security group name cannot be empty')],
  ]),
  ['POST', 'action', { addFixedIp: { networkId: 1 } }, () => badRequest('No fixed IP addresses available for network: 1'), 43],
  [
    ...(['POST', 'action', { removeFixedIp: { address: '192.0.2.1' } }] as const),
    () => badRequest(`Instance ${living} does not have fixed IP '192.0.2.1'.`),
    43,
  ],
  ['POST', 'action', { addFloatingIp: { address: '2001:db8::1' } }, () => badRequest('Instance network is not ready yet'), 43],
  ['POST', 'action', { removeFloatingIp: { address: '192.0.2.1' } }, () => missing('Floating IP not found for address 192.0.2.1.'), 43],
];

test.each(refused)(
  '%s %s %j is refused, at the price of a show, and changes nothing',
  async (method, path, body, answer, microversion = 100) => {
    const mark = cloud.service.dataApi.calls.mark();
    const run = async () => expect(await ask(method, `/servers/${living}/${path}`, body, { microversion })).toEqual(answer());
    await changesNothing(cloud.database('cell1'), () => changesNothing(cloud.database('api'), run));
    expect(cloud.service.dataApi.calls.since(mark).filter(({ sql }) => sql.includes('m.instance_uuid as key')).length).toBeLessThanOrEqual(
      1,
    );
  },
);

test.each(refused.filter(([, , body]) => !JSON.stringify(body ?? '').includes('removeFloatingIp')))(
  '%s %s %j is asked of a server that is there',
  async (method, path, body, _, microversion = 100) => {
    const unknown = randomUUID();
    expect(await ask(method, `/servers/${unknown}/${path}`, body, { microversion })).toEqual(
      missing(`Instance ${unknown} could not be found.`),
    );
    const who = await cloud.newUser();
    expect(await ask(method, `/servers/${living}/${path}`, body, { microversion, who })).toEqual(
      missing(`Instance ${living} could not be found.`),
    );
  },
);

describe.each<[string, string, object | undefined, string, string[]]>([
  ['POST', 'os-interface', {}, 'attach_interface', ['active', 'paused', 'stopped']],
  ['DELETE', `os-interface/${port}`, undefined, 'detach_interface', ['active', 'paused', 'stopped']],
  [
    ...(['POST', 'os-volume_attachments', { volumeAttachment: { volumeId: volume } }, 'attach_volume'] as const),
    ['active', 'paused', 'stopped', 'resized', 'soft-delete', 'shelved', 'shelved_offloaded'],
  ],
])('%s %s', (method, path, body, action, states) => {
  test('asks for the lock first, then the state, the task and the launch', async () => {
    const url = `/servers/${living}/${path}`;
    const inState = (what: string) => conflict(`Cannot '${action}' instance ${living} while it is in ${what}`);
    for (const state of [
      'active',
      'paused',
      'stopped',
      'suspended',
      'rescued',
      'resized',
      'error',
      'shelved',
      'shelved_offloaded',
      'soft-delete',
    ]) {
      await whileIt(`vm_state = '${state}'`, async () => {
        const [status, answer] = await ask(method, url, body);
        if (states.includes(state)) expect([400, 404], state).toContain(status);
        else expect([status, answer]).toEqual(inState(`vm_state ${state}`));
      });
    }
    await whileIt(`locked = true, vm_state = 'error'`, async () => {
      expect(await ask(method, url, body)).toEqual(conflict(`Instance ${living} is locked`));
      expect(await ask(method, url, body, { who: admin })).toEqual(inState('vm_state error'));
    });
    await whileIt(`task_state = 'rebooting', launched_at = null`, async () => {
      expect(await ask(method, url, body)).toEqual(inState('task_state rebooting'));
    });
    await whileIt('launched_at = null', async () => {
      expect(await ask(method, url, body)).toEqual(conflict(`Instance ${living} is in an invalid state for '${action}'`));
    });
    expect(await ask(method, `/servers/${buried}/${path}`, body)).toEqual(
      conflict(`Cannot '${action}' instance ${buried} while it is in vm_state error`),
    );
  });
});

test('a shelved server had no volumes attached or detached before 2.20', async () => {
  await whileIt(`vm_state = 'shelved', locked = true`, async () => {
    const shelved = (action: string) => conflict(`Cannot '${action}' instance ${living} while it is in vm_state shelved`);
    const [all, one] = [`/servers/${living}/os-volume_attachments`, `/servers/${living}/os-volume_attachments/${volume}`];
    const body = { volumeAttachment: { volumeId: volume } };
    expect(await ask('POST', all, body, { microversion: 19 })).toEqual(shelved('attach_volume'));
    expect(await ask('POST', all, body, { microversion: 20 })).toEqual(conflict(`Instance ${living} is locked`));
    expect(await ask('DELETE', one, undefined, { microversion: 19 })).toEqual(shelved('detach_volume'));
    expect(await ask('DELETE', one, undefined, { microversion: 20 })).toEqual(missing(`Volume ${volume} could not be found.`));
  });
});

test('a share is for a server that is stopped, and is lost by one in ERROR, too', async () => {
  const url = `/servers/${living}/shares`;
  const noShare = missing(`Share ${port} could not be found.`);
  await whileIt(`vm_state = 'stopped'`, async () => {
    expect(await ask('POST', url, { share: { share_id: port, tag: 'data' } })).toEqual(noShare);
    expect(await ask('DELETE', `${url}/${port}`)).toEqual(noShare);
  });
  expect(await ask('DELETE', `/servers/${buried}/shares/${port}`)).toEqual(noShare);
  expect((await ask('POST', `/servers/${buried}/shares`, { share: { share_id: port } }))[0]).toBe(409);
});

test('another volume in the place of one is for admins, and before 2.85 there is nothing else to change', async () => {
  const url = `/servers/${living}/os-volume_attachments/${volume}`;
  const forbidden = [403, { forbidden: { code: 403, message: expect.stringContaining('os_compute_api:os-volumes-attachments:swap') } }];
  const [same, other] = [volume, port].map((volumeId) => ({ volumeAttachment: { volumeId } }));
  expect(await ask('PUT', url, same, { microversion: 84 })).toEqual(forbidden);
  expect(await ask('PUT', url, other, { microversion: 85 })).toEqual(forbidden);
  expect(await ask('PUT', url, same, { microversion: 84, who: admin })).toEqual(missing(`Volume ${volume} could not be found.`));
  const noMapping = missing(`No volume Block Device Mapping with id ${volume}.`);
  expect(await ask('PUT', url, same, { microversion: 85 })).toEqual(noMapping);
  expect(await ask('PUT', url, other, { microversion: 85, who: admin })).toEqual(noMapping);
});

test('removeFloatingIp asks for the address alone, as Nova does', async () => {
  const body = { removeFloatingIp: { address: '192.0.2.1' } };
  expect(await ask('POST', `/servers/${randomUUID()}/action`, body, { microversion: 43 })).toEqual(
    missing('Floating IP not found for address 192.0.2.1.'),
  );
});

test.each([
  ['addFixedIp', { networkId: 'n' }],
  ['removeFixedIp', { address: '192.0.2.1' }],
  ['addFloatingIp', { address: '192.0.2.1' }],
  ['removeFloatingIp', { address: '192.0.2.1' }],
])('%s ended with 2.43, and asks for the lock where Nova does', async (name, value) => {
  const [url, body] = [`/servers/${living}/action`, { [name]: value }];
  expect(await ask('POST', url, body, { microversion: 44 })).toEqual(outside);
  await whileIt('locked = true', async () => {
    const [status] = await ask('POST', url, body, { microversion: 43 });
    expect(status === 409).toBe(name.endsWith('FixedIp'));
  });
});

test.each<[string, string, unknown, number]>([
  ['POST', 'os-interface', { interfaceAttachment: { net_id: 'n' } }, 1],
  ['POST', 'os-interface', { interfaceAttachment: { port_id: 1 } }, 1],
  ['POST', 'os-interface', { interfaceAttachment: { net_id: port, port_id: port } }, 1],
  ['POST', 'os-interface', { interfaceAttachment: { fixed_ips: [{ ip_address: '192.0.2.1' }] } }, 1],
  ['POST', 'os-interface', { interfaceAttachment: { net_id: port, fixed_ips: [] } }, 1],
  ['POST', 'os-interface', { interfaceAttachment: { net_id: port, fixed_ips: [{ ip_address: 'x' }] } }, 1],
  ['POST', 'os-interface', { interfaceAttachment: { tag: 'a' } }, 48],
  ['POST', 'os-interface', { interfaceAttachment: { tag: 'a,b' } }, 49],
  ['POST', 'os-interface', { other: 1 }, 100],
  ['POST', 'os-volume_attachments', {}, 1],
  ['POST', 'os-volume_attachments', { volumeAttachment: {} }, 1],
  ['POST', 'os-volume_attachments', { volumeAttachment: { volumeId: 'v' } }, 1],
  ['POST', 'os-volume_attachments', { volumeAttachment: { volumeId: volume, device: 'vdb' } }, 1],
  ['POST', 'os-volume_attachments', { volumeAttachment: { volumeId: volume, tag: 'a' } }, 48],
  ['POST', 'os-volume_attachments', { volumeAttachment: { volumeId: volume, delete_on_termination: true } }, 78],
  ['POST', 'os-volume_attachments', { volumeAttachment: { volumeId: volume, delete_on_termination: 'maybe' } }, 79],
  ['PUT', `os-volume_attachments/${volume}`, { volumeAttachment: { volumeId: volume, delete_on_termination: true } }, 84],
  ['PUT', `os-volume_attachments/${volume}`, { volumeAttachment: { volumeId: volume, serverId: 's' } }, 85],
  ['PUT', `os-volume_attachments/${volume}`, { volumeAttachment: { volumeId: volume, host: 'h' } }, 100],
  ['GET', 'os-volume_attachments?limit=x', undefined, 1],
  ['GET', 'os-volume_attachments?other=1', undefined, 75],
  ['POST', 'shares', { share: {} }, 97],
  ['POST', 'shares', { share: { share_id: port, tag: 'a b' } }, 97],
  ['POST', 'action', { addSecurityGroup: null }, 1],
  ['POST', 'action', { addSecurityGroup: {} }, 1],
  ['POST', 'action', { removeSecurityGroup: { name: '' } }, 1],
  ['POST', 'action', { removeSecurityGroup: { name: 'a', other: 1 } }, 1],
  ['POST', 'action', { addFixedIp: { networkId: '' } }, 1],
  ['POST', 'action', { addFixedIp: {} }, 1],
  ['POST', 'action', { removeFixedIp: { address: 'x' } }, 1],
  ['POST', 'action', { addFloatingIp: { address: '1.2.3' } }, 1],
  ['POST', 'action', { removeFloatingIp: null }, 1],
])('%s %s %j is 400 at 2.%i, whatever the state', async (method, path, body, microversion) => {
  for (const who of [member, admin]) {
    expect(await ask(method, `/servers/${living}/${path}`, body, { microversion, who })).toEqual(badRequest(expect.any(String)));
  }
});

test.each([
  ['os-volume_attachments?limit=1&offset=2', 100],
  ['os-volume_attachments?other=1', 74],
])('GET %s is answered', async (path, microversion) => {
  expect(await ask('GET', `/servers/${living}/${path}`, undefined, { microversion })).toEqual([200, { volumeAttachments: [] }]);
});
