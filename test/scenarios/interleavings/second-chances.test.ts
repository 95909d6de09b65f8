/**
 * Every order in which a buried server's second chance can meet who else works at the server, as far as a number of preemptions goes. It is looked at after
 * each statement: never lost, never seen again once its delete was acknowledged, never as it was before a change that was acknowledged, and always in one place.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Conflict, NotFound } from '../../../common/errors.ts';
import { archiveDeletedRows } from '../../../compute/archive/archive.ts';
import { buryInCell0 } from '../../../compute/boot/bury-in-cell0.ts';
import type { Failure } from '../../../compute/boot/failure.ts';
import { findServer, type Server } from '../../../compute/servers/find-server.ts';
import { lockServer, unlockServer } from '../../../compute/servers/lock-server.ts';
import { rescheduleBuried } from '../../../compute/servers/reschedule-buried.ts';
import { resetState } from '../../../compute/servers/reset-state.ts';
import { replaceTags } from '../../../compute/servers/tags.ts';
import { takeOverStalledBoots } from '../../../database/api/reaper/stalled-boots.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { boot, meetAt, type Parts, reapAndBoot } from './actors.ts';
import { guardStatements, inEveryOrder, type Meeting } from './interleave.ts';

/** `npm run interleavings` explores more. */
const preemptions = Number(process.env.PREEMPTIONS ?? 1);

let cloud: Cloud;
let giant: string;
let release: () => void;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  giant = await cloud.newFlavor({ disk: 1_000 });
  release = guardStatements();
});
afterAll(async () => {
  release?.();
  await cloud?.stop();
});

const failure: Failure = { error: 'NoValidHost', cause: 'DISK_GB', sentence: 'No valid host was found. ', details: 'No host.' };

async function reschedule({ id }: Pick<Parts, 'id'>): Promise<void> {
  const none = { dryRun: false, before: async () => {}, progress: () => {} };
  await rescheduleBuried(cloud.service.api, { servers: [id], project: null, cause: null }, none);
}

/** What was sent is taken on as by the reaper, which does nothing else here. */
async function takeOn(): Promise<void> {
  for (const stalled of await takeOverStalledBoots(cloud.service.api, 0)) await boot(stalled);
}

function content(error: unknown): void {
  if (!(error instanceof NotFound || error instanceof Conflict)) throw error;
}

interface Place {
  cell: boolean;
  request: boolean;
  deleted: boolean;
}

/** Tags that a client has set; null while none were acknowledged. */
let acknowledged: string[] | null = null;

/** Takes back what an admin or an owner has set on purpose, which would stand against the end of the meeting. */
async function tidy({ mapping: { uuid, projectId }, instance }: Server): Promise<void> {
  const of = {
    caller: { projectId, userId: 'admin', userName: 'admin', projectName: '', roles: ['admin'] },
    requestId: 'req-tidy',
    server: uuid,
  };
  await unlockServer(cloud.service.api, of);
  if (instance?.vm_state === 'active' && instance.host === null) await resetState(cloud.service.api, of, 'error');
}

/** A buried server; one that fits nowhere is buried again. */
async function meetBuried(actors: (server: Parts) => Meeting['actors'], flavor?: string): Promise<Meeting> {
  const { api } = cloud.service;
  acknowledged = null;
  let id = '';
  let find: () => ReturnType<typeof findServer> = () => Promise.reject(new Error('nothing is accepted'));
  const meeting = await meetAt(
    cloud,
    async (server) => {
      id = server.id;
      find = () => findServer(api, server.caller, id);
      await buryInCell0(api, server.execution, [server.id], failure);
      return actors(server);
    },
    flavor,
  );
  return {
    ...meeting,
    async afterAll() {
      await comeToRest(cloud.service);
      const left = await find().catch(content);
      if (left) await tidy(left);
      await meeting.afterAll();
    },
    async afterEach() {
      await meeting.afterEach();
      const [place] = await query<Place>(
        api,
        `select m.cell_id is not null as cell, b.id is not null as request, queued_for_delete as deleted
         from instance_mappings m left join build_requests b using (instance_uuid) where instance_uuid = :id::uuid`,
        { id },
      );
      if (place && !place.deleted) expect(place.cell, 'one home').not.toBe(place.request);
      if (acknowledged) expect((await find()).instance?.tags).toEqual(acknowledged);
      if (place?.deleted) expect(place.request, 'a build request of a deleted server').toBe(false);
    },
  };
}

const sendAndBoot = (server: Parts) => async () => {
  await reschedule(server);
  await takeOn();
};

const archive = () =>
  archiveDeletedRows(cloud.service.api, { maxRows: 1_000, before: null, untilComplete: true, sleep: 0, progress: () => undefined });

const meetings: Readonly<Record<string, (server: Parts) => Meeting['actors']>> = {
  'and the reaper': (server) => ({ send: () => reschedule(server), reaper: () => reapAndBoot(cloud) }),
  'and its delete': (server) => ({ send: sendAndBoot(server), delete: server.remove }),
  'and its change': (server) => ({ send: sendAndBoot(server), change: server.rename }),
  'and another one': (server) => ({ send: sendAndBoot(server), other: () => reschedule(server) }),
  'and its lock': (server) => ({
    send: sendAndBoot(server),
    lock: () => lockServer(cloud.service.api, { ...server, server: server.id }, 'mine').catch(content),
  }),
  'and a reset of its state': (server) => ({
    send: sendAndBoot(server),
    reset: () => resetState(cloud.service.api, { ...server, server: server.id }, 'error').catch(content),
  }),
  'after a reset to ACTIVE, and new tags': (server) => ({
    send: sendAndBoot(server),
    tags: async () => {
      await resetState(cloud.service.api, { ...server, server: server.id }, 'active').catch(content);
      acknowledged = (await replaceTags(cloud.service.api, { ...server, server: server.id }, ['green']).catch(content)) ?? null;
    },
  }),
  'and its delete, clean-up and archive': (server) => ({
    send: sendAndBoot(server),
    end: async () => {
      await server.remove();
      await reapAndBoot(cloud);
      await archive();
    },
  }),
};

test.each(Object.entries(meetings))('a second chance %s', { timeout: 0 }, async (_, actors) => {
  expect(await inEveryOrder(() => meetBuried(actors), preemptions)).toBeGreaterThan(1);
});

/** Of what is buried again, those who could meet its row. */
const again = ['and the reaper', 'and its delete', 'and its change', 'and another one'];

test.each(Object.entries(meetings).filter(([name]) => again.includes(name)))(
  'a second chance of what fits nowhere %s',
  { timeout: 0 },
  async (_, actors) => {
    expect(await inEveryOrder(() => meetBuried(actors, giant), preemptions)).toBeGreaterThan(1);
  },
);
