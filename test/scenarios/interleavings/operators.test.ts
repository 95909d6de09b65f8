/** Every order in which an operator's command can meet what goes on in the cloud, or another command, as far as a number of preemptions goes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Conflict } from '../../../common/errors.ts';
import { archiveDeletedRows } from '../../../compute/archive/archive.ts';
import { mapInstances } from '../../../compute/cells/map-instances.ts';
import { inCell } from '../../../compute/cells/reach.ts';
import { drainHost, enableHost, listHosts } from '../../../compute/hosts/hosts.ts';
import { listCellMappings } from '../../../database/api/cells/cell-mappings.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { meetAt, reapAndBoot } from './actors.ts';
import { guardStatements, inEveryOrder } from './interleave.ts';

/** `npm run interleavings` explores more. */
const preemptions = Number(process.env.PREEMPTIONS ?? 1);

let cloud: Cloud;
let release: () => void;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1 });
  release = guardStatements();
});
afterAll(async () => {
  release?.();
  await cloud?.stop();
});

function expectConflict(error: unknown): void {
  expect(error).toBeInstanceOf(Conflict);
}

const archive = () =>
  archiveDeletedRows(cloud.service.api, { maxRows: 1_000, before: null, untilComplete: true, sleep: 0, progress: () => undefined });

/** As `meetAt`, with nothing from before that the archive could find. */
async function meetAlone(actors: Parameters<typeof meetAt>[1]): ReturnType<typeof meetAt> {
  await archive();
  return meetAt(cloud, actors);
}

/** Looks for servers of the one live cell that the index does not have. */
async function map(): Promise<void> {
  const { api } = cloud.service;
  const cell = (await listCellMappings(api)).find(({ name }) => name === 'cell1');
  if (cell) await inCell(cell.database_connection, 'tending', (database) => mapInstances(api, cell, database, 100, () => undefined));
}

test('the archive and a delete', { timeout: 0 }, async () => {
  const newMeeting = () =>
    meetAlone(async (server) => {
      await server.boot();
      return { delete: server.remove, archive };
    });
  expect(await inEveryOrder(newMeeting, preemptions)).toBeGreaterThan(1);
});

test('the archive and a boot whose server is deleted and cleaned up meanwhile', { timeout: 0 }, async () => {
  const newMeeting = () =>
    meetAlone((server) => ({
      boot: server.boot,
      archive: async () => {
        await server.remove();
        await reapAndBoot(cloud);
        await archive();
      },
    }));
  expect(await inEveryOrder(newMeeting, preemptions)).toBeGreaterThan(1);
});

test('map_instances and a server that leaves an orphaned row, is cleaned up and archived', { timeout: 0 }, async () => {
  const newMeeting = () =>
    meetAlone((server) => ({
      boot: server.boot,
      map,
      end: async () => {
        await server.remove();
        await reapAndBoot(cloud);
        await archive();
      },
    }));
  expect(await inEveryOrder(newMeeting, preemptions, Array(4).fill('boot'))).toBeGreaterThan(1);
});

test('a host that is disabled and enabled at once is picked only where its cell agrees', { timeout: 0 }, async () => {
  const { api } = cloud.service;
  const host = 'cell1-host1';
  const newMeeting = async () => ({
    actors: { drain: () => drainHost(api, host, 'repair'), enable: () => enableHost(api, host).catch(expectConflict) },
    afterEach: async () => {},
    afterAll: async () => {
      const picked = (await listHosts(api, 'cell1')).find((one) => one.host === host)?.enabled;
      const [service] = await query<{ disabled: boolean }>(cloud.database('cell1'), 'select disabled from services where host = :host', {
        host,
      });
      expect({ picked, disabled: service?.disabled }).not.toEqual({ picked: true, disabled: true });
      await enableHost(api, host);
    },
  });
  expect(await inEveryOrder(newMeeting, Math.max(2, preemptions))).toBeGreaterThan(10);
});
