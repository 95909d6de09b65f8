/**
 * Actions of a living server on hosts that do at once what they are asked: each pair of action and state against what Nova's compute API says of it
 * (the decorators of nova/compute/api.py), and what the action leaves.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type Json, type RequestOptions, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { contentsOf } from '../../../../fixtures/contents.ts';

let cloud: Cloud;
let member: User;
let admin: User;
let server: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  member = await cloud.newUser();
  admin = await cloud.newUser('admin');
  server = await member.boot();
  expect(await member.settled(server)).toMatchObject({ status: 'ACTIVE' });
});
afterAll(() => cloud?.stop());

async function act(user: User, body: unknown, options: RequestOptions = {}): Promise<[number, unknown]> {
  const { status, body: answer } = await user.send<Json | undefined>('POST', `/servers/${server}/action`, { ...options, body });
  return [status, answer];
}

async function show(): Promise<ServerBody> {
  return (await admin.send<{ server: ServerBody }>('GET', `/servers/${server}`)).body.server;
}

/** Puts the server into a state, with no action on record but its boot. */
async function put(vmState: string, { task = null, locked = false }: { task?: string | null; locked?: boolean } = {}): Promise<void> {
  const cell = cloud.database('cell1');
  await query(
    cell,
    `update instances set vm_state = :state, task_state = :task, task = null, locked = :locked, power_state = 0,
       locked_by = case when :locked then 'owner' end, launched_at = '2026-01-01' where uuid = :server::uuid`,
    { server, state: vmState, task, locked },
  );
  await query(
    cell,
    `with records as (delete from instance_actions where instance_uuid = :server::uuid and action <> 'create' returning id),
       events as (delete from instance_actions_events where action_id in (select id from records))
     delete from instance_faults where instance_uuid = :server::uuid`,
    { server },
  );
}

const conflict = (message: string) => [409, { conflictingRequest: { code: 409, message } }];

const states = ['building', 'active', 'stopped', 'paused', 'suspended', 'rescued', 'error', 'resized', 'shelved', 'shelved_offloaded'];

interface Expected {
  body: object;
  /** States in which Nova accepts it. */
  accepts: readonly string[];
  /** States in which Nova accepts it, and it leaves something else. */
  acceptsToo?: readonly string[];
  word: string;
  record: string;
  event: string;
  status?: number;
  /** Calls with those of its end. */
  calls?: number;
  /** A lock does not guard it. */
  unguarded?: true;
  leaves: Partial<Record<'status' | 'OS-EXT-STS:vm_state' | 'OS-EXT-STS:power_state', unknown>>;
}

const running = { status: 'ACTIVE', 'OS-EXT-STS:power_state': 1 };

const snapshot = { accepts: ['active', 'stopped', 'paused', 'suspended'], calls: 4, unguarded: true, leaves: {} } as const;

const actions: Readonly<Record<string, Expected>> = {
  'os-start': {
    ...{
      body: { 'os-start': null },
      accepts: ['stopped'],
      word: 'start',
      record: 'start',
      event: 'compute_start_instance',
      leaves: running,
    },
  },
  'os-stop': {
    ...{ body: { 'os-stop': null }, accepts: ['active', 'error'], word: 'stop', record: 'stop', event: 'compute_stop_instance' },
    leaves: { status: 'SHUTOFF', 'OS-EXT-STS:power_state': 4 },
  },
  'a soft reboot': {
    ...{ body: { reboot: { type: 'Soft' } }, accepts: ['active'], word: 'reboot', record: 'reboot', event: 'compute_reboot_instance' },
    leaves: running,
  },
  'a hard reboot': {
    ...{ body: { reboot: { type: 'HARD' } }, accepts: ['active', 'stopped', 'paused', 'suspended', 'error'], word: 'reboot' },
    ...{ record: 'reboot', event: 'compute_reboot_instance', leaves: running },
  },
  pause: {
    ...{ body: { pause: null }, accepts: ['active'], word: 'pause', record: 'pause', event: 'compute_pause_instance' },
    leaves: { status: 'PAUSED', 'OS-EXT-STS:power_state': 3 },
  },
  unpause: {
    ...{
      body: { unpause: null },
      accepts: ['paused'],
      word: 'unpause',
      record: 'unpause',
      event: 'compute_unpause_instance',
      leaves: running,
    },
  },
  suspend: {
    ...{ body: { suspend: null }, accepts: ['active'], word: 'suspend', record: 'suspend', event: 'compute_suspend_instance' },
    leaves: { status: 'SUSPENDED', 'OS-EXT-STS:power_state': 7 },
  },
  resume: {
    ...{
      body: { resume: null },
      accepts: ['suspended'],
      word: 'resume',
      record: 'resume',
      event: 'compute_resume_instance',
      leaves: running,
    },
  },
  rescue: {
    ...{
      body: { rescue: null },
      accepts: ['active', 'stopped', 'error'],
      word: 'rescue',
      record: 'rescue',
      event: 'compute_rescue_instance',
    },
    ...{ status: 200, leaves: { status: 'RESCUE', 'OS-EXT-STS:power_state': 1 } },
  },
  unrescue: {
    ...{ body: { unrescue: null }, accepts: ['rescued'], word: 'unrescue', record: 'unrescue', event: 'compute_unrescue_instance' },
    leaves: running,
  },
  rebuild: {
    ...{ body: { rebuild: { imageRef: 'c1220500-0000-4000-8000-000000000001' } }, accepts: ['active', 'error'], acceptsToo: ['stopped'] },
    ...{ word: 'rebuild', record: 'rebuild', event: 'compute_rebuild_instance', leaves: running },
  },
  changePassword: {
    ...{ body: { changePassword: { adminPass: 'a secret' } }, accepts: ['active'], word: 'changePassword', record: 'changePassword' },
    ...{ event: 'compute_set_admin_password', leaves: { status: 'ACTIVE' } },
  },
  trigger_crash_dump: {
    ...{ body: { trigger_crash_dump: null }, accepts: ['active', 'paused', 'rescued', 'resized', 'error'], word: 'trigger_crash_dump' },
    ...{ record: 'trigger_crash_dump', event: 'compute_trigger_crash_dump', leaves: {} },
  },
  createImage: {
    ...{ ...snapshot, body: { createImage: { name: 'image' } }, word: 'createImage', record: 'createImage' },
    event: 'compute_snapshot_instance',
  },
  createBackup: {
    ...{ ...snapshot, body: { createBackup: { name: 'backup', backup_type: 'daily', rotation: 2 } }, word: 'createBackup' },
    ...{ record: 'createBackup', event: 'compute_backup_instance' },
  },
};

describe.each(Object.entries(actions))('%s', (_, expected) => {
  const { body, accepts, acceptsToo = [], word, record, event, status = 202, calls = 3, unguarded, leaves } = expected;
  test('is done in the states in which Nova accepts it, at two calls and one for its end, and recorded', async () => {
    for (const state of accepts) {
      await put(state);
      const before = cloud.service.dataApi.calls.mark();
      expect((await act(member, body))[0], state).toBe(status);
      expect(cloud.service.dataApi.calls.since(before), state).toHaveLength(calls);
      expect(await show(), state).toMatchObject({ 'OS-EXT-STS:task_state': null, ...leaves });
      const { body: records } = await admin.send<{ instanceActions: { action: string; request_id: string; message: string | null }[] }>(
        'GET',
        `/servers/${server}/os-instance-actions`,
      );
      const [latest] = records.instanceActions;
      expect(latest, state).toMatchObject({ action: record, message: null, user_id: member.userId, project_id: member.projectId });
      const { body: one } = await admin.send<{ instanceAction: Json }>(
        'GET',
        `/servers/${server}/os-instance-actions/${latest?.request_id}`,
      );
      expect(one.instanceAction, state).toMatchObject({
        events: [{ event, result: 'Success', finish_time: expect.any(String), traceback: null }],
      });
    }
  });

  test('is refused in every other state, with the state, and nothing changes', async () => {
    for (const state of states.filter((each) => ![...accepts, ...acceptsToo].includes(each))) {
      await put(state);
      const before = await show();
      expect(await act(member, body), state).toEqual(conflict(`Cannot '${word}' instance ${server} while it is in vm_state ${state}`));
      expect(await show()).toEqual(before);
    }
  });

  test('is refused while another task runs, and when the server is locked; an admin passes the lock', async () => {
    const state = accepts[0] ?? '';
    await put(state, { task: 'rescuing' });
    expect(await act(member, body)).toEqual(conflict(`Cannot '${word}' instance ${server} while it is in task_state rescuing`));
    await put(state, { locked: true });
    if (!unguarded) expect(await act(member, body)).toEqual(conflict(`Instance ${server} is locked`));
    expect((await act(unguarded ? member : admin, body))[0]).toBe(status);
  });

  test('is not found for another project', async () => {
    await put(accepts[0] ?? '');
    const stranger = await cloud.newUser();
    expect(await act(stranger, body)).toEqual([404, { itemNotFound: { code: 404, message: `Instance ${server} could not be found.` } }]);
  });
});

test('a hard reboot takes the place of the tasks that Nova allows it to', async () => {
  const allowed = ['rebooting', 'reboot_pending', 'reboot_started', 'resuming', 'rebooting_hard', 'unpausing', 'pausing', 'suspending'];
  for (const task of allowed) {
    await put('active', { task });
    expect((await act(member, { reboot: { type: 'HARD' } }))[0], task).toBe(202);
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
  }
});

test('a rescue answers the password, the one that was asked for too, and takes an image that its caller sees', async () => {
  const image = 'c1220500-0000-4000-8000-000000000001';
  for (const rescue of [null, {}, { rescue_image_ref: image }]) {
    await put('active');
    expect(await act(member, { rescue })).toEqual([200, { adminPass: expect.stringMatching(/^.{12}$/) }]);
  }
  await put('active');
  expect(await act(member, { rescue: { adminPass: 'mine' } })).toEqual([200, { adminPass: 'mine' }]);
  await put('active');
  const unknown = randomUUID();
  const message = `Requested rescue image '${unknown}' is not supported`;
  expect(await act(member, { rescue: { rescue_image_ref: unknown } })).toEqual([400, { badRequest: { code: 400, message } }]);
  const { body } = await admin.send<{ server: ServerBody }>('GET', `/servers/${server}`);
  expect(body.server).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
});

test('a secret of an action is in no database', async () => {
  const password = randomUUID();
  await put('active');
  expect((await act(member, { changePassword: { adminPass: password } }))[0]).toBe(202);
  await put('active');
  expect((await act(member, { rescue: { adminPass: password } }))[0]).toBe(200);
  const held = await Promise.all([cloud.service.api, cloud.database('cell1')].map(contentsOf));
  expect(JSON.stringify(held)).not.toContain(password);
});

describe('a lock', () => {
  test('keeps the owner out, is kept as it was by a second one, and opens again; each time on record', async () => {
    await put('active');
    expect(await act(member, { lock: { locked_reason: 'no reason' } })).toEqual([202, undefined]);
    expect(await act(member, { lock: { locked_reason: 'another' } })).toEqual([202, undefined]);
    expect(await show()).toMatchObject({ locked: true, locked_reason: 'no reason' });
    expect(await act(member, { pause: null })).toEqual(conflict(`Instance ${server} is locked`));
    expect((await member.send('DELETE', `/servers/${server}`)).status).toBe(409);
    expect(await act(member, { unlock: null })).toEqual([202, undefined]);
    expect(await show()).toMatchObject({ locked: false, locked_reason: null });
    const { body } = await admin.send<{ instanceActions: { action: string }[] }>('GET', `/servers/${server}/os-instance-actions`);
    expect(body.instanceActions.map(({ action }) => action)).toEqual(['unlock', 'lock', 'create']);
  });

  test("of an admin is not the owner's to open", async () => {
    await put('active');
    expect(await act(admin, { lock: null })).toEqual([202, undefined]);
    const message = "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.";
    expect(await act(member, { unlock: null })).toEqual([403, { forbidden: { code: 403, message } }]);
    expect(await show()).toMatchObject({ locked: true });
    expect(await act(admin, { unlock: null })).toEqual([202, undefined]);
    expect(await show()).toMatchObject({ locked: false });
  });

  test('had no reason before 2.73, and then asks for one of 1 to 255 characters', async () => {
    await put('active');
    expect((await act(member, { lock: 'whatever' }, { microversion: 72 }))[0]).toBe(202);
    for (const lock of ['whatever', { locked_reason: '' }, { locked_reason: 'x'.repeat(256) }, { reason: 'x' }]) {
      expect((await act(member, { lock }))[0], JSON.stringify(lock)).toBe(400);
    }
  });
});

test('the state of a server is set by admins alone, and ends what was being done to it', async () => {
  await put('active', { task: 'pausing' });
  expect((await act(member, { 'os-resetState': { state: 'error' } }))[0]).toBe(403);
  expect(await act(admin, { 'os-resetState': { state: 'error' } })).toEqual([202, undefined]);
  expect(await show()).toMatchObject({ status: 'ERROR', 'OS-EXT-STS:task_state': null });
  expect((await act(admin, { 'os-resetState': { state: 'stopped' } }))[0]).toBe(400);
  const { body } = await admin.send<{ instanceActions: { action: string }[] }>('GET', `/servers/${server}/os-instance-actions`);
  expect(body.instanceActions[0]).toMatchObject({ action: 'resetState', message: null });
});

test('a console shows its last lines, or all', async () => {
  await put('active');
  const output = async (length: unknown) => {
    const [status, body] = await act(member, { 'os-getConsoleOutput': length === undefined ? {} : { length } });
    expect(status).toBe(200);
    return (body as { output: string }).output.split('\n').length;
  };
  expect(await Promise.all([undefined, null, -1, '-1', 10, '10', 1].map(output))).toEqual([40, 40, 40, 40, 10, 10, 1]);
  expect((await act(member, { 'os-getConsoleOutput': { length: 'ten' } }))[0]).toBe(400);
});

test.each([
  [{ reboot: {} }, "Invalid input for field/attribute reboot. Value: {}. 'type' is a required property"],
  [{ reboot: { type: 'warm' } }, /^Invalid input for field\/attribute type. Value: warm. 'warm' is not one of /],
  [{ changePassword: { adminPass: null } }, "Invalid input for field/attribute adminPass. Value: None. None is not of type 'string'"],
  [{ changePassword: null }, "Invalid input for field/attribute changePassword. Value: None. None is not of type 'object'"],
  [{ rescue: { rescue_image_ref: 'x' } }, "Invalid input for field/attribute rescue_image_ref. Value: x. 'x' is not a 'uuid'"],
  [{ createImage: {} }, "Invalid input for field/attribute createImage. Value: {}. 'name' is a required property"],
  [{ createImage: { name: '' } }, /^Invalid input for field\/attribute name/],
  [{ createImage: { name: ' image' } }, /^An invalid 'name' value was provided/],
  [{ createImage: { name: 'x'.repeat(256) } }, /^Invalid input for field\/attribute name/],
  [{ createImage: { name: 'image', size: 1 } }, /Additional properties are not allowed \('size' was unexpected\)/],
  [{ createImage: { name: 'image', metadata: { 'a/b': 'x' } } }, /^Invalid input for field\/attribute metadata/],
  [{ createImage: { name: 'image', metadata: { a: 'x'.repeat(256) } } }, /^Invalid input for field\/attribute a/],
  [{ createImage: { name: 'image', metadata: { 'trait:odd': 'required' } } }, /^"trait:odd" names no trait/],
  [{ createBackup: { name: 'backup', rotation: 1 } }, /'backup_type' is a required property/],
  [{ createBackup: { name: 'backup', backup_type: 'daily' } }, /'rotation' is a required property/],
  [{ createBackup: { name: 'backup', backup_type: 1, rotation: 1 } }, /1 is not of type 'string'/],
  [{ createBackup: { name: 'backup', backup_type: 'daily', rotation: -1 } }, /^Invalid input for field\/attribute rotation/],
  [{ createBackup: { name: 'backup', backup_type: 'daily', rotation: 'x' } }, /^Invalid input for field\/attribute rotation/],
  [{ trigger_crash_dump: {} }, "Invalid input for field/attribute trigger_crash_dump. Value: {}. {} is not of type 'null'"],
])('%j is refused', async (body, message) => {
  await put('active');
  expect(await act(member, body)).toEqual([
    400,
    { badRequest: { code: 400, message: typeof message === 'string' ? message : expect.stringMatching(message) } },
  ]);
});
