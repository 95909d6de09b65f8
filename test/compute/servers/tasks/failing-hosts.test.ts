/** What hosts leave that fail what they are asked, at once or in a later report: what the table of actions says, and a server that goes on. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { audit } from '../../../../compute/audit/audit.ts';
import { type ServerAction, type ServerActionName, serverActions } from '../../../../compute/servers/tasks/actions.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';
import { comeToRest, settle } from '../../../fixtures/rest.ts';
import { softDelete } from '../../../fixtures/soft-delete.ts';

let cloud: Cloud;
let user: User;
let admin: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 4 });
  admin = await cloud.newUser('admin');
});
afterAll(async () => {
  await comeToRest(cloud.service);
  expect((await audit(cloud.service.api, { settled: true })).findings).toEqual([]);
  await cloud?.stop();
});
beforeEach(async () => {
  user = await cloud.newUser();
});

/** Hosts behave as it says until the end of what runs meanwhile. */
async function whileHosts<T>(simulation: object, work: () => Promise<T>): Promise<T> {
  process.env.SIMULATION = JSON.stringify(simulation);
  try {
    const result = await work();
    await settle(cloud.service);
    return result;
  } finally {
    delete process.env.SIMULATION;
  }
}

/** The body of each action, after those that bring a server to where it is accepted. */
const requests: Readonly<Record<ServerActionName, readonly object[]>> = {
  start: [{ 'os-stop': null }, { 'os-start': null }],
  stop: [{ 'os-stop': null }],
  softReboot: [{ reboot: { type: 'SOFT' } }],
  hardReboot: [{ pause: null }, { reboot: { type: 'HARD' } }],
  pause: [{ pause: null }],
  unpause: [{ pause: null }, { unpause: null }],
  suspend: [{ suspend: null }],
  resume: [{ suspend: null }, { resume: null }],
  rescue: [{ rescue: null }],
  unrescue: [{ rescue: null }, { unrescue: null }],
  rebuild: [{ rebuild: { imageRef: 'c1220500-0000-4000-8000-000000000001' } }],
  rebuildStopped: [{ 'os-stop': null }, { rebuild: { imageRef: 'c1220500-0000-4000-8000-000000000001' } }],
  changePassword: [{ changePassword: { adminPass: 'secret' } }],
  triggerCrashDump: [{ trigger_crash_dump: null }],
  softDelete: [{ delete: null }],
  restore: [{ delete: null }, { restore: null }],
  createImage: [{ createImage: { name: 'image' } }],
  createBackup: [{ createBackup: { name: 'backup', backup_type: 'daily', rotation: 1 } }],
};

const states = `select vm_state, task_state, power_state, task, host from instances where uuid = :id::uuid`;
const rowOf = async (id: string) => {
  const [row] = await query<{ vm_state: string; host: string }>(cloud.database('cell1'), states, { id });
  if (!row) throw new Error(`cell1 has no ${id}`);
  return row;
};
/** Asks for an action; a delete can be restored. */
async function act(id: string, body: object): Promise<void> {
  if ('delete' in body) return softDelete(user, `/servers/${id}`);
  expect((await user.send('POST', `/servers/${id}/action`, { body })).status).toBe('rescue' in body ? 200 : 202);
}

describe.each([
  ['at once', {}],
  ['later, and twice', { reportAfter: 0, doubledReports: true }],
])('a host that reports %s', (_, reports) => {
  test.each(Object.entries<ServerAction>(serverActions).map(([name, action]) => [name as ServerActionName, action] as const))(
    'that %s failed',
    async (name, { operation, recorded, failed, after }) => {
      const id = await user.boot();
      await user.settled(id);
      const bodies = requests[name];
      const asked = bodies.at(-1) ?? {};
      for (const body of bodies.slice(0, -1)) await act(id, body);
      const before = await rowOf(id);

      await whileHosts({ ...reports, failingOperations: [operation] }, () => act(id, asked));
      const { host } = before;
      const message = `The simulated host ${host} was set to fail.`;
      expect(await rowOf(id)).toEqual({ ...before, ...(failed === 'error' && { vm_state: 'error' }) });
      const faults = `select code, message, host from instance_faults where instance_uuid = :id::uuid`;
      expect(await query(cloud.database('cell1'), faults, { id })).toEqual([{ code: 500, message, host }]);
      const shown = await user.settled(id);
      expect(shown.fault).toEqual(failed === 'error' ? expect.objectContaining({ code: 500, message }) : undefined);
      const path = `/servers/${id}/os-instance-actions`;
      const { body } = await user.send<{ instanceActions: Record<string, string>[] }>('GET', path);
      expect(body.instanceActions[0]).toMatchObject({ action: recorded, message: 'Error' });
      const record = await admin.send<{ instanceAction: object }>('GET', `${path}/${body.instanceActions[0]?.request_id}`);
      expect(record.body.instanceAction).toMatchObject({
        events: [{ result: 'Error', finish_time: expect.any(String), details: message }],
      });

      if (failed === 'error') return;
      await whileHosts(reports, () => act(id, asked));
      expect(await rowOf(id)).toMatchObject({ vm_state: after.vm_state ?? before.vm_state, task_state: null });
    },
  );

  test('that the end of a deleted server failed, keeps its place until it is asked again', async () => {
    const id = await user.boot();
    await user.settled(id);
    const allocations = async () =>
      (await query(cloud.service.api, 'select used from allocations where consumer_id = :id::uuid', { id })).length;
    await whileHosts({ ...reports, failingOperations: ['destroy'] }, async () => {
      expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
    });
    expect([(await user.send('GET', `/servers/${id}`)).status, await allocations()]).toEqual([404, 3]);
    await comeToRest(cloud.service);
    expect(await allocations(), 'before it is due').toBe(3);
    await query(cloud.service.api, 'update pending_cleanups set due_at = now()');
    await comeToRest(cloud.service);
    expect(await allocations()).toBe(0);
  });
});

test('which operations fail by chance follows from the seed and the request', async () => {
  const id = await user.boot();
  await user.settled(id);
  const results = new Set<string | null>();
  await whileHosts({ failureChance: 0.5, seed: 7 }, async () => {
    for (let request = 0; request < 24; request++) await act(id, { trigger_crash_dump: null });
  });
  const { body } = await user.send<{ instanceActions: { message: string | null }[] }>('GET', `/servers/${id}/os-instance-actions`);
  for (const { message } of body.instanceActions) results.add(message);
  expect([...results].toSorted()).toEqual(['Error', null]);
});
