/** What waits for a statement that has just changed the records of a server: it sees them, and leaves none behind. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deleteInstance } from '../../../../database/cell/instances/delete.ts';
import { lockInstance, unlockInstance } from '../../../../database/cell/instances/lock.ts';
import { resetInstanceState } from '../../../../database/cell/instances/reset-state.ts';
import { beginTask } from '../../../../database/cell/tasks.ts';
import { type Database, query } from '../../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../../fixtures/cloud.ts';
import { afterChanges } from '../../../fixtures/meet-transaction.ts';

let cloud: Cloud;
let cell: Database;
let server: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  cell = cloud.database('cell1');
});
afterAll(() => cloud?.stop());
beforeEach(async () => {
  const user = await cloud.newUser();
  server = await user.boot();
  await user.settled(server);
});

const by = () => ({ requestId: `req-${randomUUID()}`, userId: 'u', projectId: 'p' });

describe('the action of a task that has just begun is ended by', () => {
  const pause = () => {
    const task = JSON.stringify({
      action: 'pause',
      request_id: 'req-pause',
      attempt: 1,
      arguments: {},
      note: 1,
      asked_at: new Date(),
      due_at: null,
    });
    return [
      `update instances set task_state = 'pausing', task = '${task}' where uuid = '${server}'`,
      `with action as (
         insert into instance_actions (instance_uuid, action, request_id, start_time) values ('${server}', 'pause', 'req-pause', now()) returning id)
       insert into instance_actions_events (action_id, event, start_time) select id, 'compute_pause_instance', now() from action`,
    ];
  };
  const reboot = () => {
    const { requestId: request_id, userId, projectId } = by();
    return beginTask(
      cell,
      { server, action: 'reboot', event: 'e', request_id, taskState: 'rebooting_hard', arguments: {}, note: 1, userId, projectId },
      { unlocked: true, hosted: false, vmStates: ['active'], taskStates: ['pausing'] },
    );
  };
  test.each<[string, () => Promise<unknown>]>([
    ['the action that takes its place', reboot],
    ['a delete', () => deleteInstance(cell, server, { ...by(), force: false })],
    ['a state that an admin sets', () => resetInstanceState(cell, server, by(), 'active')],
  ])('%s', async (_, run) => {
    await afterChanges(cell, pause(), run);
    expect(
      await query(
        cell,
        `select a.message, a.finish_time is not null as ended, e.result, e.finish_time is not null as event_ended
         from instance_actions a join instance_actions_events e on e.action_id = a.id where a.instance_uuid = :server::uuid and a.action = 'pause'`,
        { server },
      ),
    ).toEqual([{ message: 'Error', ended: true, result: 'Error', event_ended: true }]);
  });
});

const reasons = () =>
  query<{ value: string }>(
    cell,
    `select value from instance_system_metadata where instance_uuid = :server::uuid and key = 'locked_reason' and deleted = 0`,
    { server },
  );
const locked = (reason: string) => [
  `update instances set locked = true, locked_by = 'owner' where uuid = '${server}'`,
  `insert into instance_system_metadata (instance_uuid, key, value) values ('${server}', 'locked_reason', '${reason}')`,
];

test('a server that was locked a moment ago is unlocked with its reason', async () => {
  await afterChanges(cell, locked('first'), () => unlockInstance(cell, server, by(), 'owner'));
  expect(await reasons()).toEqual([]);
});

test('a lock that follows another has its own reason, or leaves that of the other', async () => {
  await afterChanges(cell, locked('first'), () => lockInstance(cell, server, by(), false, 'second'));
  expect(await reasons()).toEqual([{ value: 'second' }]);
  await lockInstance(cell, server, by(), false, null);
  expect(await reasons()).toEqual([{ value: 'second' }]);
});
