/**
 * Every order in which two who work at one server can meet, as far as a number of preemptions goes. The server is looked at after each statement: it is
 * never lost, and never seen again once its delete was acknowledged. At rest the audit finds nothing.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { accept, reapAndBoot } from './actors.ts';
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

const meetings: Readonly<Record<string, () => ReturnType<typeof accept>>> = {
  'a boot and the reaper': () => accept(cloud, (subject) => ({ boot: subject.boot, reaper: () => reapAndBoot(cloud) })),
  'a boot and its delete': () => accept(cloud, (subject) => ({ boot: subject.boot, delete: subject.remove })),
  'a boot of hosts that fail and the reaper': () => {
    process.env.SIMULATION = JSON.stringify({ failureChance: 1 });
    return accept(cloud, (subject) => ({ boot: subject.boot, reaper: () => reapAndBoot(cloud) }));
  },
  'a boot of hosts that fail and its delete': () => {
    process.env.SIMULATION = JSON.stringify({ failureChance: 1 });
    return accept(cloud, (subject) => ({ boot: subject.boot, delete: subject.remove }));
  },
  'a burial and the reaper': () => accept(cloud, (subject) => ({ boot: subject.boot, reaper: () => reapAndBoot(cloud) }), giant),
  'a burial and its delete': () => accept(cloud, (subject) => ({ boot: subject.boot, delete: subject.remove }), giant),
  'a delete and the reaper': () =>
    accept(cloud, async (subject) => {
      await subject.boot();
      return { delete: subject.remove, reaper: () => reapAndBoot(cloud) };
    }),
  'two deletes': () =>
    accept(cloud, async (subject) => {
      await subject.boot();
      return { one: subject.remove, other: subject.remove };
    }),
  'two reapers of a boot that stopped in its cell': () =>
    accept(cloud, async (subject) => {
      cloud.service.dataApi.faults.add({ kind: 'down', sql: `vm_state = 'active'` });
      await subject.boot();
      cloud.service.dataApi.faults.clear();
      return { one: () => reapAndBoot(cloud), other: () => reapAndBoot(cloud) };
    }),
  'a boot that turns to another cell and the reaper': () => {
    cloud.service.dataApi.faults.clear();
    cloud.service.dataApi.faults.add({ kind: 'down', cluster: 'cell1' });
    return accept(cloud, (subject) => ({ boot: subject.boot, reaper: () => reapAndBoot(cloud) }));
  },
};

test.each(Object.entries(meetings))('%s', { timeout: 0 }, async (_, newMeeting) => {
  expect(await inEveryOrder(newMeeting, preemptions)).toBeGreaterThan(1);
});

test('a row that its owner is about to commit is not purged as what an earlier execution left', { timeout: 0 }, async () => {
  const newMeeting = () =>
    accept(cloud, (subject) => ({ boot: subject.boot, owner: () => reapAndBoot(cloud), reaper: () => reapAndBoot(cloud) }));
  // The boot writes its row; a reaper names another owner; the commit of the boot wins nothing, so it notes its cell; the owner and a reaper go on.
  const beginning = [...Array(4).fill('boot'), 'owner', ...Array(3).fill('boot')];
  expect(await inEveryOrder(newMeeting, preemptions, beginning)).toBeGreaterThan(1);
});
