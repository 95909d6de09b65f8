/**
 * Every order in which two who work at one server can meet, as far as a number of preemptions goes. The server is looked at after each statement: it is
 * never lost, never seen again once its delete was acknowledged, and never as it was before a change that was acknowledged. At rest the audit finds nothing.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createInCell } from '../../../compute/boot/create-in-cell.ts';
import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { meetAt, reapAndBoot } from './actors.ts';
import { guardStatements, inEveryOrder } from './interleave.ts';

/** `npm run interleavings` explores more. */
const preemptions = Number(process.env.PREEMPTIONS ?? 1);

let cloud: Cloud;
let giant: string;
let release: () => void;
beforeAll(async () => {
  cloud = await startCloud();
  giant = await cloud.newFlavor({ disk: 1_000 });
  release = guardStatements();
});
afterAll(async () => {
  release?.();
  await cloud?.stop();
});
afterEach(() => {
  delete process.env.SIMULATION;
  cloud.service.dataApi.faults.clear();
});

const meetings: Readonly<Record<string, () => ReturnType<typeof meetAt>>> = {
  'a boot and the reaper': () => meetAt(cloud, (server) => ({ boot: server.boot, reaper: () => reapAndBoot(cloud) })),
  'a boot and its delete': () => meetAt(cloud, (server) => ({ boot: server.boot, delete: server.remove })),
  'a boot of hosts that fail and the reaper': () => {
    process.env.SIMULATION = JSON.stringify({ failureChance: 1 });
    return meetAt(cloud, (server) => ({ boot: server.boot, reaper: () => reapAndBoot(cloud) }));
  },
  'a boot of hosts that fail and its delete': () => {
    process.env.SIMULATION = JSON.stringify({ failureChance: 1 });
    return meetAt(cloud, (server) => ({ boot: server.boot, delete: server.remove }));
  },
  'a boot that dies before its commit and the reaper of its delete': () => {
    // The commit, and the note that it won nothing.
    for (const sql of ['delete from build_requests b using', 'with noted as (']) cloud.service.dataApi.faults.add({ kind: 'down', sql });
    return meetAt(cloud, ({ id, execution, remove }) => ({
      boot: async () => {
        const [placement] = await scheduleServers(cloud.service.api, execution, [id]);
        if (placement) await createInCell(cloud.service.api, placement).catch(died);
      },
      end: async () => {
        await remove();
        await reapAndBoot(cloud);
      },
    }));
  },
  'a burial and the reaper': () => meetAt(cloud, (server) => ({ boot: server.boot, reaper: () => reapAndBoot(cloud) }), giant),
  'a burial and its delete': () => meetAt(cloud, (server) => ({ boot: server.boot, delete: server.remove }), giant),
  'a delete and the reaper': () =>
    meetAt(cloud, async (server) => {
      await server.boot();
      return { delete: server.remove, reaper: () => reapAndBoot(cloud) };
    }),
  'two deletes': () =>
    meetAt(cloud, async (server) => {
      await server.boot();
      return { one: server.remove, other: server.remove };
    }),
  'two reapers of a boot that stopped in its cell': () =>
    meetAt(cloud, async (server) => {
      cloud.service.dataApi.faults.add({ kind: 'down', sql: `vm_state = 'active'` });
      await server.boot();
      cloud.service.dataApi.faults.clear();
      return { one: () => reapAndBoot(cloud), other: () => reapAndBoot(cloud) };
    }),
  'a boot and its change': () => meetAt(cloud, (server) => ({ boot: server.boot, change: server.rename })),
  'a burial and its change': () => meetAt(cloud, (server) => ({ boot: server.boot, change: server.rename }), giant),
  'a delete and a change': () =>
    meetAt(cloud, async (server) => {
      await server.boot();
      return { delete: server.remove, change: server.rename };
    }),
  'a boot that turns to another cell and its change': () => {
    cloud.service.dataApi.faults.clear();
    cloud.service.dataApi.faults.add({ kind: 'down', cluster: 'cell1' });
    return meetAt(cloud, (server) => ({ boot: server.boot, change: server.rename }));
  },
  'a boot that turns to another cell and the reaper': () => {
    cloud.service.dataApi.faults.clear();
    cloud.service.dataApi.faults.add({ kind: 'down', cluster: 'cell1' });
    return meetAt(cloud, (server) => ({ boot: server.boot, reaper: () => reapAndBoot(cloud) }));
  },
};

/** An execution ends without another word. */
function died(error: unknown): void {
  expect((error as Error).name).toMatch(/^(DatabaseUnreachable|OwnershipLost)$/);
}

test.each(Object.entries(meetings))('%s', { timeout: 0 }, async (_, newMeeting) => {
  expect(await inEveryOrder(newMeeting, preemptions)).toBeGreaterThan(1);
});

test('a row that its owner is about to commit is not purged as what an earlier execution left', { timeout: 0 }, async () => {
  const newMeeting = () =>
    meetAt(cloud, (server) => ({ boot: server.boot, owner: () => reapAndBoot(cloud), reaper: () => reapAndBoot(cloud) }));
  // The boot writes its row; a reaper names another owner; the commit of the boot wins nothing, so it notes its cell; the owner and a reaper go on.
  const beginning = [...Array(4).fill('boot'), 'owner', ...Array(3).fill('boot')];
  expect(await inEveryOrder(newMeeting, preemptions, beginning)).toBeGreaterThan(1);
});
