/** Every order in which an action of a server can meet another, its delete, a state that an admin sets, the reaper and the report of its host. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Caller } from '../../../common/caller.ts';
import { Conflict, NotFound } from '../../../common/errors.ts';
import { applyHostReport, applyLateReport } from '../../../compute/hosts/apply-late-report.ts';
import type { Driver, HostReport, LateReport, Report } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { running, shutDown, suspended } from '../../../compute/servers/power-states.ts';
import { rebuildServer } from '../../../compute/servers/rebuild/rebuild-server.ts';
import { resetState } from '../../../compute/servers/reset-state.ts';
import { type ServerActionName, serverActions } from '../../../compute/servers/tasks/actions.ts';
import { beginAction } from '../../../compute/servers/tasks/begin-action.ts';
import { createImage } from '../../../compute/servers/tasks/create-image.ts';
import { defaultSettings } from '../../../compute/settings.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { hostReport } from '../../fixtures/host-report.ts';
import { plainRebuild } from '../../fixtures/plain-rebuild.ts';
import { meetAt, type Parts, reapAndBoot } from './actors.ts';
import { guardStatements, inEveryOrder, type Meeting } from './interleave.ts';

/** `npm run interleavings` explores more. */
const preemptions = Number(process.env.PREEMPTIONS ?? 1);

let cloud: Cloud;
let release: () => void;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  for (const id of [image, other]) await cloud.newImage({ id });
  release = guardStatements();
});
afterAll(async () => {
  release?.();
  await cloud?.stop();
});

let sent: LateReport[] = [];
const atOnce = simulatedDriver(noFailures);
/** Hosts that begin what they are asked and have `timeAllowed` seconds; the test reports for them. */
const later = (timeAllowed = 600): Driver =>
  simulatedDriver({ ...noFailures, reportAfter: 0, timeAllowed }, async (report) => void ('report' in report && sent.push(report)));

/** What a server that is gone, or in another task, answers. */
function refused(error: unknown): void {
  if (!(error instanceof Conflict || error instanceof NotFound)) throw error;
}

async function act({ id: server, caller }: Parts, name: ServerActionName, driver = atOnce): Promise<void> {
  const request = { caller, requestId: `req-${randomUUID()}`, server, action: serverActions[name] };
  const answer = await beginAction(cloud.service.api, driver, request).catch(refused);
  expect(answer?.error).toBeUndefined();
}

/** An image of the server, or a backup of which one is kept. */
async function makeImage({ id: server, caller }: Parts, driver = atOnce, backup?: { type: string; rotation: number }): Promise<void> {
  const of = { caller, requestId: `req-${randomUUID()}`, server, name: 'image', metadata: {}, counted: false, ...(backup && { backup }) };
  const answer = await createImage(cloud.service.api, driver, of, defaultSettings).catch(refused);
  expect(answer?.error).toBeUndefined();
}

const imagesOf = (server: string) =>
  query<{ status: string }>(cloud.service.api, 'select status from images where instance_uuid = :server::uuid', { server });

/** As `meet`, and then every image of the server is active; where nothing ends an image but its report, it is there if its action says so. */
async function meetForImage(actors: Parameters<typeof meet>[0], isSafe = false): Promise<Meeting> {
  let id = '';
  const meeting = await meet((server) => {
    ({ id } = server);
    return actors(server);
  });
  return {
    ...meeting,
    async afterAll() {
      await meeting.afterAll();
      const images = await imagesOf(id);
      expect(images.map(({ status }) => status)).toEqual(images.map(() => 'active'));
      const made = await query(
        cloud.database('cell1'),
        `select action from instance_actions where instance_uuid = :id::uuid and action in ('createImage', 'createBackup') and message is null`,
        { id },
      );
      if (isSafe) expect(images.length, 'an image for each action that made one').toBeGreaterThanOrEqual(made.length);
    },
  };
}

async function rebuild({ id: server, caller }: Parts, imageId: string, driver = atOnce): Promise<void> {
  const request = { ...plainRebuild, imageId };
  const of = { caller, requestId: `req-${randomUUID()}`, server };
  const answer = await rebuildServer(cloud.service.api, driver, of, request).catch(refused);
  expect(answer?.error).toBeUndefined();
}

async function reset({ id: server, caller }: Parts): Promise<void> {
  const admin: Caller = { ...caller, roles: ['admin'] };
  await resetState(cloud.service.api, { caller: admin, requestId: `req-${randomUUID()}`, server }, 'active').catch(refused);
}

async function reportAll(outcome: Report): Promise<void> {
  const continueBoot = () => Promise.reject(new Error('no build has failed'));
  for (const { about } of sent)
    await applyLateReport(
      { api: cloud.service.api, driver: later(), settings: defaultSettings, startBoot: continueBoot },
      { about, report: outcome },
    );
}

/** Lets actors meet at an ACTIVE server; when they are done it is in no task, and every action has its end on record. */
async function meet(actors: (server: Parts) => Meeting['actors'] | Promise<Meeting['actors']>): Promise<Meeting> {
  sent = [];
  let id = '';
  const meeting = await meetAt(cloud, async (server) => {
    ({ id } = server);
    await server.boot();
    return actors(server);
  });
  return {
    ...meeting,
    async afterAll() {
      await reportAll(imageMade);
      const left = await query(
        cloud.database('cell1'),
        `select a.action, i.task, i.task_state from instances i left join instance_actions a on a.instance_uuid = i.uuid and a.finish_time is null
         left join instance_actions_events e on e.action_id = a.id
         where i.uuid = :id::uuid and (i.task is not null or i.task_state is not null or a.id is not null)`,
        { id },
      );
      expect(left).toEqual([]);
      await meeting.afterAll();
    },
  };
}

const success: Report = { result: 'success' };
const imageMade: Report = { ...success, image: { size: 1, checksum: 'c', disk_format: 'raw', properties: {} } };
const failure: Report = { result: 'failure', message: 'The disk is broken.' };

let sequence = 0;

/** The host says what it has of the server. Who is stopped by that is started again, where nothing else is done to it. */
async function say({ id }: Parts, about: HostReport['about'], power_state: number, number = ++sequence, driver = atOnce): Promise<void> {
  const report = await hostReport(cloud, id, { about, power_state, sequence: number });
  await applyHostReport({ api: cloud.service.api, driver, settings: defaultSettings }, report);
}

/** The guest of the server was off. */
async function goesOff(server: Parts): Promise<void> {
  await say(server, 'power_states', shutDown);
  await act(server, 'start');
}
const image = randomUUID();
const other = randomUUID();

const meetings: Readonly<Record<string, () => Promise<Meeting>>> = {
  'a reboot and a delete': () => meet((server) => ({ action: () => act(server, 'softReboot'), delete: server.remove })),
  'a reboot on a host that reports later and a delete': () =>
    meet((server) => ({ action: () => act(server, 'softReboot', later()), delete: () => server.remove(later()) })),
  'two reboots': () => meet((server) => ({ one: () => act(server, 'hardReboot'), other: () => act(server, 'hardReboot') })),
  'a reboot and a harder one, on hosts that report later': () =>
    meet((server) => ({ soft: () => act(server, 'softReboot', later()), hard: () => act(server, 'hardReboot', later()) })),
  'a reboot and a state that an admin sets': () =>
    meet((server) => ({ action: () => act(server, 'softReboot', later()), admin: () => reset(server) })),
  'a reboot and the reaper': () =>
    meet((server) => ({ action: () => act(server, 'softReboot', later()), reaper: () => reapAndBoot(cloud, later()) })),
  'a rebuild and a delete': () => meet((server) => ({ rebuild: () => rebuild(server, image), delete: server.remove })),
  'two rebuilds with two images': () => meet((server) => ({ one: () => rebuild(server, image), other: () => rebuild(server, other) })),
  'a rebuild and a state that an admin sets': () =>
    meet((server) => ({ rebuild: () => rebuild(server, image, later()), admin: () => reset(server) })),
  'a rebuild and the reaper': () =>
    meet((server) => ({ rebuild: () => rebuild(server, image, later()), reaper: () => reapAndBoot(cloud, later()) })),
  'a rebuild, and another one when its host has reported': () =>
    meet(async (server) => {
      await rebuild(server, image, later());
      return { report: () => reportAll(success), rebuild: () => rebuild(server, other), reaper: () => reapAndBoot(cloud, later()) };
    }),
  'a report and a harder reboot': () =>
    meet(async (server) => {
      await act(server, 'softReboot', later());
      return { report: () => reportAll(success), hard: () => act(server, 'hardReboot') };
    }),
  'a report and a delete': () =>
    meet(async (server) => {
      await act(server, 'softReboot', later());
      return { report: () => reportAll(failure), delete: server.remove };
    }),
  'a report and the same again': () =>
    meet(async (server) => {
      await act(server, 'softReboot', later());
      return { one: () => reportAll(success), other: () => reportAll(failure) };
    }),
  'the power state of its guest and a reboot': () =>
    meet((server) => ({ host: () => goesOff(server), action: () => act(server, 'softReboot') })),
  'the power state of its guest and a delete': () => meet((server) => ({ host: () => goesOff(server), delete: server.remove })),
  'a guest that is suspended and a delete': () =>
    meet((server) => ({ host: () => say(server, 'power_states', suspended, ++sequence, later()), delete: () => server.remove(later()) })),
  'a power state and an earlier one, which is wrong': () =>
    meet((server) => {
      const [earlier, last] = [++sequence, ++sequence];
      return {
        last: () => say(server, 'power_states', running, last),
        earlier: async () => {
          await say(server, 'power_states', shutDown, earlier);
          await act(server, 'start');
        },
      };
    }),
  'the start of its host and the report of what was under way': () =>
    meet(async (server) => {
      await act(server, 'hardReboot', later());
      return { host: () => say(server, 'started', shutDown, ++sequence, later()), report: () => reportAll(failure) };
    }),
  'the start of its host and the same again': () =>
    meet(async (server) => {
      await act(server, 'hardReboot', later());
      const number = ++sequence;
      const start = () => say(server, 'started', shutDown, number, later());
      return { one: start, other: start };
    }),
  'the start of its host, in a reboot, and a delete': () =>
    meet(async (server) => {
      await act(server, 'hardReboot', later());
      return { host: () => say(server, 'started', shutDown, ++sequence, later()), delete: () => server.remove(later()) };
    }),
  'the start of its host, in a reboot, and the reaper who finds it overdue': () =>
    meet(async (server) => {
      await act(server, 'softReboot', later(0));
      return { host: () => say(server, 'started', running), reaper: () => reapAndBoot(cloud) };
    }),
  'a report and the reaper who finds the task overdue': () =>
    meet(async (server) => {
      await act(server, 'softReboot', later(0));
      return { report: () => reportAll(success), reaper: () => reapAndBoot(cloud) };
    }),

  'an image and a delete': () => meetForImage((server) => ({ action: () => makeImage(server), delete: server.remove })),
  'an image on a host that reports later and a delete': () =>
    meetForImage((server) => ({ action: () => makeImage(server, later()), delete: () => server.remove(later()) })),
  'two images': () => meetForImage((server) => ({ one: () => makeImage(server), other: () => makeImage(server) }), true),
  'a backup and an image, on hosts that report later': () =>
    meetForImage((server) => ({
      one: () => makeImage(server, later(), { type: 'daily', rotation: 1 }),
      other: () => makeImage(server, later()),
    })),
  'an image and a state that an admin sets': () =>
    meetForImage((server) => ({ action: () => makeImage(server, later()), admin: () => reset(server) })),
  'an image and the reaper': () =>
    meetForImage((server) => ({ action: () => makeImage(server, later()), reaper: () => reapAndBoot(cloud, later()) })),
  'a report of an image and a delete': () =>
    meetForImage(async (server) => {
      await makeImage(server, later());
      return { report: () => reportAll(imageMade), delete: server.remove };
    }),
  'a report of an image and the same again': () =>
    meetForImage(async (server) => {
      await makeImage(server, later(), { type: 'daily', rotation: 1 });
      return { one: () => reportAll(imageMade), other: () => reportAll(imageMade) };
    }, true),
  'a report of an image, and another that it failed': () =>
    meetForImage(async (server) => {
      await makeImage(server, later());
      return { one: () => reportAll(imageMade), other: () => reportAll(failure) };
    }, true),
  'a report of an image and the reaper who finds it overdue': () =>
    meetForImage(async (server) => {
      await makeImage(server, later(0));
      return { report: () => reportAll(imageMade), reaper: () => reapAndBoot(cloud) };
    }, true),
};

test.each(Object.entries(meetings))('%s', { timeout: 0 }, async (_, newMeeting) => {
  expect(await inEveryOrder(newMeeting, preemptions)).toBeGreaterThan(1);
});
