/** A server that is shown again: from its cell alone, as it would be shown from the index; and where that is not the whole truth, the index is read. */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { archiveDeletedRows } from '../../../../../compute/archive/archive.ts';
import { updateCellMapping } from '../../../../../database/api/cells/cell-mappings.ts';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let user: User;
let admin: User;
let giant: string;
beforeAll(async () => {
  cloud = await startCloud();
  admin = await cloud.newUser('admin');
  giant = await cloud.newFlavor({ disk: 10_000 });
  return () => cloud.stop();
});
beforeEach(async () => {
  user = await cloud.newUser();
});
afterEach(() => {
  vi.useRealTimers();
  cloud.service.dataApi.faults.clear();
});

/** Sends a GET of a server, and says which databases it asked. */
async function show(id: string, who = user, microversion = 100) {
  const { calls } = cloud.service.dataApi;
  const mark = calls.mark();
  const { status, body } = await who.send<{ server: ServerBody }>('GET', `/servers/${id}`, { microversion });
  const asked = calls.since(mark).map(({ cluster }) => cluster.replace(/cell[12]/, 'cell'));
  return { status, server: body.server, asked };
}

async function booted(fields: Record<string, unknown> = {}, hints?: object): Promise<string> {
  const server = { name: 'n', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none', ...fields };
  const { body } = await user.send<{ server: { id: string } }>('POST', '/servers', { body: { server, 'os:scheduler_hints': hints } });
  await cloud.service.workflow.drain();
  return body.server.id;
}

async function newGroup(): Promise<string> {
  const body = { server_group: { name: 'apart', policy: 'anti-affinity' } };
  return (await user.send<{ server_group: { id: string } }>('POST', '/os-server-groups', { body })).body.server_group.id;
}

describe('a server on a host is shown again by its cell alone', () => {
  test.each<[string, Record<string, unknown>, object | undefined]>([
    ['as it is without anything', {}, undefined],
    ['with its zone and hints', { availability_zone: 'nova' }, { query: '["=", "$x", 1]', custom: ['a', 'b'] }],
  ])('%s', async (_, fields, hints) => {
    const id = await booted(fields, hints);
    const start = Date.now();
    const ways = [
      [user, 100],
      [admin, 100],
      [user, 1],
      [admin, 71],
    ] as const;
    for (const [index, [who, microversion]] of ways.entries()) {
      // What was seen is forgotten between them.
      vi.useFakeTimers({ toFake: ['Date'], now: start + index * 6 * 60_000 });
      const first = await show(id, who, microversion);
      expect(first.asked).toEqual(['api', 'cell']);
      expect(await show(id, who, microversion)).toEqual({ ...first, asked: ['cell'] });
    }
  });

  test('with what was changed of it', async () => {
    const id = await booted();
    await show(id);
    await user.send('PUT', `/servers/${id}`, { body: { server: { name: 'renamed' } } });
    expect(await show(id)).toMatchObject({ server: { name: 'renamed' }, asked: ['cell'] });
  });

  test('to an admin with the status of its host', async () => {
    const id = await booted();
    const { server } = await show(id, admin);
    expect(server.host_status).toBe('UP');
    const host = String(server['OS-EXT-SRV-ATTR:host']);
    const disable = (disabled: boolean) =>
      query(cloud.database(host.slice(0, 5)), 'update services set disabled = :disabled where host = :host', { disabled, host });
    await disable(true);
    expect(await show(id, admin)).toMatchObject({ server: { host_status: 'MAINTENANCE' }, asked: ['cell'] });
    await disable(false);
  });
});

test('a server in a group costs the second call, because the group may be deleted meanwhile', async () => {
  const group = await newGroup();
  const id = await booted({}, { group });
  const shown = { asked: ['cell', 'api'], server: { server_groups: [group], scheduler_hints: { group: [group] } } };
  expect((await show(id)).asked).toEqual(['api', 'cell']);
  expect(await show(id)).toMatchObject(shown);
  expect((await show(id, user, 70)).asked, 'where groups are not shown').toEqual(['cell']);
  await user.send('DELETE', `/os-server-groups/${group}`);
  expect(await show(id)).toMatchObject({ ...shown, server: { server_groups: [] } });
});

test('a server that a release before this one wrote costs it too', async () => {
  const id = await booted({ availability_zone: 'nova' });
  await show(id);
  for (const cell of ['cell1', 'cell2']) await query(cloud.database(cell), 'update instance_extra set request_spec = null');
  expect(await show(id)).toMatchObject({ server: { pinned_availability_zone: 'nova' }, asked: ['cell', 'api'] });
});

test('a server in cell0 is looked for in the index each time, and one that is being built', async () => {
  const buried = await booted({ flavorRef: giant });
  for (let time = 0; time < 2; time++) expect(await show(buried)).toMatchObject({ server: { status: 'ERROR' }, asked: ['api', 'cell0'] });

  for (const state of ['BootOne', 'ScheduleServers', 'BuryInCell0']) cloud.service.workflow.faults.add({ state, when: 'before' });
  const { body } = await user.send<{ server: { id: string } }>('POST', '/servers', {
    body: { server: { name: 'n', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' } },
  });
  for (let time = 0; time < 2; time++) {
    expect(await show(body.server.id)).toMatchObject({ server: { status: 'BUILD' }, asked: ['api'] });
  }
  cloud.service.workflow.faults.clear();
});

test('another project is refused what this one has just seen, and a reader of this one is not', async () => {
  const id = await booted();
  await show(id);
  expect(await show(id, await cloud.newUser())).toMatchObject({ status: 404, asked: ['api'] });
  expect(await show(id, await cloud.newUser('reader', user.projectId))).toMatchObject({ status: 200, asked: ['cell'] });
});

describe('what the cell does not have any more is read in the index again', () => {
  test('of a server that was deleted, and of one that is archived', async () => {
    const id = await booted();
    await show(id);
    expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
    expect(await show(id)).toMatchObject({ status: 404, asked: ['cell', 'api'] });
    expect(await show(id), 'which is forgotten').toMatchObject({ status: 404, asked: ['api'] });

    const other = await booted();
    await show(other);
    await user.send('DELETE', `/servers/${other}`);
    await archiveDeletedRows(cloud.service.api, { maxRows: 1_000, before: null, untilComplete: true, sleep: 0, progress: () => {} });
    expect(await show(other)).toMatchObject({ status: 404, asked: ['cell', 'api'] });
  });

  test('of a server that is in another cell, and the row in this one is gone', async () => {
    const id = await booted();
    const { server } = await show(id, admin);
    const here = String(server['OS-EXT-SRV-ATTR:host']).slice(0, 5);
    await query(cloud.database(here), 'update instances set deleted = id where uuid = :id::uuid', { id });
    expect(await show(id)).toMatchObject({ status: 404, asked: ['cell', 'api', 'cell'] });
    await query(cloud.database(here), 'update instances set deleted = 0 where uuid = :id::uuid', { id });
    expect(await show(id)).toMatchObject({ status: 200, asked: ['api', 'cell'] });
  });
});

test('a cell that does not answer is asked once, and the index says what is known', async () => {
  const id = await booted();
  await show(id);
  for (const cluster of ['cell1', 'cell2']) cloud.service.dataApi.faults.add({ cluster, kind: 'down' });
  expect(await show(id)).toMatchObject({ status: 200, server: { id, status: 'UNKNOWN', user_id: user.userId }, asked: ['cell', 'api'] });
  expect(await show(id, user, 68)).toMatchObject({ status: 503, asked: ['cell', 'api'] });
  expect(await show(id, await cloud.newUser())).toMatchObject({ status: 404, asked: ['api'] });
  cloud.service.dataApi.faults.clear();
  expect(await show(id)).toMatchObject({ status: 200, server: { status: 'ACTIVE' } });
});

test('a deleted server is gone, whatever has become of the database of its cell', async () => {
  const id = await booted();
  const { server } = await show(id, admin);
  const name = String(server['OS-EXT-SRV-ATTR:host']).slice(0, 5);
  await query(cloud.service.api, 'update instance_mappings set queued_for_delete = true where instance_uuid = :id::uuid', { id });
  await query(cloud.database(name), 'alter table instance_extra rename to instance_extra_gone');
  const shown = await show(id);
  await query(cloud.database(name), 'alter table instance_extra_gone rename to instance_extra');
  expect(shown).toMatchObject({ status: 404, asked: ['cell', 'api'] });
});

test('a cell that was given another database is read there when it does not answer, and after five minutes', async () => {
  const id = await booted();
  const { server } = await show(id, admin);
  const name = String(server['OS-EXT-SRV-ATTR:host']).slice(0, 5);
  const [cell] = await query<{ uuid: string; url: string }>(
    cloud.service.api,
    'select uuid, database_connection as url from cell_mappings where name = :name',
    { name },
  );
  const move = (connection: string) => updateCellMapping(cloud.service.api, cell?.uuid ?? '', { database_connection: connection });
  // The same database by another name.
  await move(`${cell?.url}&restored=1`);
  expect((await show(id)).asked).toEqual(['cell']);
  cloud.service.dataApi.faults.add({ cluster: name, kind: 'down', sql: (sql) => sql.includes('instance_extra') });
  expect((await show(id)).asked).toEqual(['cell', 'api', 'api', 'cell']);
  cloud.service.dataApi.faults.clear();
  await move(cell?.url ?? '');
  expect(await show(id)).toMatchObject({ status: 200 });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5 * 60_000 + 1 });
  expect((await show(id)).asked).toEqual(['api', 'cell']);
});

test('a delete and an action read the index, whatever was seen', async () => {
  const id = await booted();
  await show(id);
  const { calls } = cloud.service.dataApi;
  const firstCall = async (method: string, path: string, body?: object) => {
    const mark = calls.mark();
    await user.send(method, path, body ? { body } : {});
    return calls.since(mark)[0]?.cluster;
  };
  expect(await firstCall('POST', `/servers/${id}/action`, { lock: null })).toBe('api');
  expect(await firstCall('DELETE', `/servers/${id}`)).toBe('api');
});
