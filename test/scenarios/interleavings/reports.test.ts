/** Every order in which a report that a host sends later can meet what goes on with its server, as far as a number of preemptions goes. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import { createInCell } from '../../../compute/boot/create-in-cell.ts';
import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { applyLateReport } from '../../../compute/hosts/apply-late-report.ts';
import type { Driver, LateReport, Report } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { bringUpHost, forceDownHost, listHosts } from '../../../compute/hosts/hosts.ts';
import { defaultSettings } from '../../../compute/settings.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import type { Accepted } from '../../fixtures/stepwise-boot.ts';
import { boot, meetAt, reapAndBoot } from './actors.ts';
import { guardStatements, inEveryOrder } from './interleave.ts';

/** `npm run interleavings` explores more. */
const preemptions = Number(process.env.PREEMPTIONS ?? 1);

let cloud: Cloud;
let release: () => void;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 3 });
  release = guardStatements();
});
afterAll(async () => {
  release?.();
  await cloud?.stop();
});

let sent: LateReport[] = [];
beforeEach(() => {
  sent = [];
});
const success: Report = { result: 'success' };
const failure: Report = { result: 'failure', message: 'The disk is broken.' };

/** Hosts that begin what they are asked and have `timeAllowed` seconds; the test reports for them. */
const later = (timeAllowed = 600): Driver =>
  simulatedDriver({ ...noFailures, reportAfter: 0, timeAllowed }, async (report) => void ('report' in report && sent.push(report)));

/** Takes a server to its host, which begins it; returns its name. */
async function begin({ id, execution }: Accepted, driver = later()): Promise<string> {
  const [placement] = await scheduleServers(cloud.service.api, execution, [id]);
  if (!placement) throw new Error('no placement');
  const { created, instance } = await createInCell(cloud.service.api, placement);
  await buildOnHost(driver, created, instance);
  return placement.host;
}

async function beginOnDownHost(server: Accepted): Promise<string> {
  const host = await begin(server);
  await forceDownHost(cloud.service.api, host);
  return host;
}

/** What `hosts force-down` does, and the reaper that it wakes. */
async function forceDown(host: string): Promise<void> {
  await forceDownHost(cloud.service.api, host);
  await reapAndBoot(cloud);
}

/** All hosts are up again, and have ended what they ran of servers that left them. */
async function allUp(): Promise<void> {
  for (const { host } of await listHosts(cloud.service.api, null)) await bringUpHost(cloud.service.api, host);
  await comeToRest(cloud.service);
  expect(await query(cloud.database('cell1'), 'select * from guests_to_end')).toEqual([]);
}

/** Applies a report, by default about the last that a host was asked. */
async function report(outcome: Report, about = sent.at(-1)?.about): Promise<void> {
  if (!about) throw new Error('no host was asked');
  await applyLateReport(
    { api: cloud.service.api, driver: later(), settings: defaultSettings, startBoot: boot },
    { about, report: outcome },
  );
}

const meetings: Readonly<Record<string, () => ReturnType<typeof meetAt>>> = {
  'a report and the note that its host has begun': () =>
    meetAt(cloud, async ({ id, execution }) => {
      const [placement] = await scheduleServers(cloud.service.api, execution, [id]);
      if (!placement) throw new Error('no placement');
      const { created, instance } = await createInCell(cloud.service.api, placement);
      const { host, connection: cell, fencing_token, alternates, attempt } = created;
      const about = { operation: 'spawn', server: id, host, cell, fencing_token, build: { execution, alternates, attempt } } as const;
      return { build: () => buildOnHost(later(), created, instance), report: () => report(success, about) };
    }),
  'a report and the same again': () =>
    meetAt(cloud, async (server) => {
      await begin(server);
      return { one: () => report(success), other: () => report(success) };
    }),
  'a failure and the same again': () =>
    meetAt(cloud, async (server) => {
      await begin(server);
      return { one: () => report(failure), other: () => report(failure) };
    }),
  'a report and the reaper who finds it overdue': () =>
    meetAt(cloud, async (server) => {
      await begin(server, later(0));
      return { report: () => report(success), reaper: () => reapAndBoot(cloud) };
    }),
  'a failure and the reaper who finds it overdue': () =>
    meetAt(cloud, async (server) => {
      await begin(server, later(0));
      return { report: () => report(failure), reaper: () => reapAndBoot(cloud) };
    }),
  'a report and a delete': () =>
    meetAt(cloud, async (server) => {
      await begin(server);
      return { report: () => report(success), delete: () => server.remove(later()) };
    }),
  'a failure and a delete': () =>
    meetAt(cloud, async (server) => {
      await begin(server);
      return { report: () => report(failure), delete: () => server.remove(later()) };
    }),
  'a report and the reaper who moves the build, because its host is down': () =>
    meetAt(cloud, async (server) => {
      await beginOnDownHost(server);
      return { report: () => report(success), reaper: () => reapAndBoot(cloud) };
    }),
  'a failure and the reaper who moves the build, because its host is down': () =>
    meetAt(cloud, async (server) => {
      await beginOnDownHost(server);
      return { report: () => report(failure), reaper: () => reapAndBoot(cloud) };
    }),
  'a report, and the operator who says that its host is down': () =>
    meetAt(cloud, async (server) => {
      const host = await begin(server);
      return { report: () => report(success), operator: () => forceDown(host) };
    }),
  'a delete and the reaper who moves the build, because its host is down': () =>
    meetAt(cloud, async (server) => {
      await beginOnDownHost(server);
      return { delete: () => server.remove(later()), reaper: () => reapAndBoot(cloud) };
    }),
  'the due time of a build and the operator who says that its host is down': () =>
    meetAt(cloud, async (server) => {
      const host = await begin(server, later(0));
      return { reaper: () => reapAndBoot(cloud), operator: () => forceDown(host) };
    }),
  'the move of a build and the operator who says that its host is up again': () =>
    meetAt(cloud, async (server) => {
      const host = await beginOnDownHost(server);
      return {
        reaper: () => reapAndBoot(cloud),
        operator: async () => {
          await bringUpHost(cloud.service.api, host);
          await reapAndBoot(cloud);
          // A build that has not left the host by then stays.
          await report(success);
        },
      };
    }),
  'a report that a server has ended, and the reaper who asks again': () =>
    meetAt(cloud, async (server) => {
      await server.boot();
      await server.remove(later(0));
      return { report: () => report(success), reaper: () => reapAndBoot(cloud, later(0)) };
    }),
};

test.each(Object.entries(meetings))('%s', { timeout: 0 }, async (_, meet) => {
  const newMeeting = async () => {
    const meeting = await meet();
    const afterAll = async () => {
      await meeting.afterAll();
      await allUp();
    };
    return { ...meeting, afterAll };
  };
  expect(await inEveryOrder(newMeeting, preemptions)).toBeGreaterThan(1);
});
