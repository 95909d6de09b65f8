/** PUT of a server: what may be changed of it, at each microversion and wherever it is. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buryInCell0 } from '../../../../../compute/boot/bury-in-cell0.ts';
import { createInCell } from '../../../../../compute/boot/create-in-cell.ts';
import { updateServer } from '../../../../../compute/servers/update-server.ts';
import { query } from '../../../../../database/data-api/client.ts';
import { beforeStatement } from '../../../../fixtures/before-statement.ts';
import { type Cloud, type Json, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { comeToRest } from '../../../../fixtures/rest.ts';
import { acceptServer, scheduleServer } from '../../../../fixtures/stepwise-boot.ts';

let cloud: Cloud;
let member: User;
let living: string;
let buried: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 2, retryAfter: 2 });
  member = await cloud.newUser();
  living = await member.boot();
  buried = await member.boot({ flavorRef: await cloud.newFlavor({ disk: 10_000 }) });
  expect([(await member.settled(living)).status, (await member.settled(buried)).status]).toEqual(['ACTIVE', 'ERROR']);
});
afterAll(() => cloud?.stop());

interface Answer {
  server: ServerBody;
}

const put = (id: string, server: unknown, microversion = 100, who = member) =>
  who.send<Answer>('PUT', `/servers/${id}`, { body: { server }, microversion });
const get = async (id: string, microversion = 100, who = member) =>
  (await who.send<Answer>('GET', `/servers/${id}`, { microversion })).body.server;

const everything = {
  ...{ name: 'other', description: 'a text', hostname: 'other.example.org', 'OS-DCF:diskConfig': 'AUTO' },
  ...{ accessIPv4: '192.0.2.1', accessIPv6: '2001:DB8:0:0::1' },
};
const shown = {
  ...{ name: 'other', description: 'a text', 'OS-EXT-SRV-ATTR:hostname': 'other.example.org', 'OS-DCF:diskConfig': 'AUTO' },
  ...{ accessIPv4: '192.0.2.1', accessIPv6: '2001:db8::1' },
};

describe.each(['that runs', 'in cell0'])('a server %s', (where) => {
  let id: string;
  beforeEach(() => {
    id = where === 'in cell0' ? buried : living;
  });

  test('is changed in all that may be changed, and answers as it is shown', async () => {
    await query(cloud.database(where === 'in cell0' ? 'cell0' : 'cell1'), `update instances set updated_at = '2020-01-01Z'`);
    const before = await get(id);
    const { status, body } = await put(id, everything);
    expect([status, body.server]).toEqual([200, { ...before, ...shown, updated: body.server.updated }]);
    expect(await get(id)).toEqual(body.server);
    expect(Date.now() - Date.parse(String(body.server.updated))).toBeLessThan(60_000);
  });

  test('keeps what is not named, and loses a description', async () => {
    await put(id, everything);
    const before = await get(id);
    expect((await put(id, { name: 'third' })).body.server).toMatchObject({ ...before, name: 'third', updated: expect.any(String) });
    expect((await put(id, { description: null })).body.server).toMatchObject({ name: 'third', description: null, accessIPv4: '192.0.2.1' });
    expect((await put(id, {})).status).toBe(200);
  });

  test('has not changed when it is as it should be already', async () => {
    await put(id, everything);
    const database = cloud.database(where === 'in cell0' ? 'cell0' : 'cell1');
    await query(database, `update instances set updated_at = '2020-01-01Z'`);
    for (const same of [everything, { name: 'other' }, {}]) {
      expect((await put(id, same)).body.server.updated, JSON.stringify(same)).toBe('2020-01-01T00:00:00Z');
    }
    expect((await put(id, { ...everything, name: 'another' })).body.server.updated).not.toBe('2020-01-01T00:00:00Z');
  });

  test('is listed by its new name', async () => {
    const name = randomUUID();
    await put(id, { name });
    const { body } = await member.send<{ servers: ServerBody[] }>('GET', `/servers?name=${name}`);
    expect(body.servers.map((server) => server.id)).toEqual([id]);
  });

  test('is changed though it is locked', async () => {
    await query(cloud.database(where === 'in cell0' ? 'cell0' : 'cell1'), 'update instances set locked = true');
    expect((await put(id, { name: 'locked' })).body.server).toMatchObject({ name: 'locked', locked: true });
    await query(cloud.database(where === 'in cell0' ? 'cell0' : 'cell1'), 'update instances set locked = false');
  });

  test('answers with less before 2.75', async () => {
    for (const [who, keys] of [
      [member, ['OS-DCF:diskConfig', 'locked', 'description', 'tags', 'trusted_image_certificates', 'server_groups', 'locked_reason']],
      [await cloud.newUser('admin'), []],
    ] as const) {
      const { body } = await put(id, { name: 'less' }, 74, who);
      const whole = await get(id, 74, who);
      const missing = Object.keys(whole).filter((key) => !(key in body.server));
      expect(missing.filter((key) => !/^(OS-EXT-|OS-SRV-USG:|os-extended-volumes:|config_drive|key_name|host_status)/.test(key))).toEqual(
        [],
      );
      expect(Object.keys(body.server).filter((key) => /^(OS-EXT|OS-SRV|os-ext|config|key|host_)/.test(key))).toEqual([]);
      expect(Object.keys(body.server)).toEqual(
        expect.arrayContaining([...keys, 'id', 'status', 'addresses', 'metadata', 'hostId', 'links']),
      );
      expect(await put(id, { name: 'less' }, 75, who)).toMatchObject({ body: { server: await get(id, 75, who) } });
    }
  });
});

describe('a body', () => {
  test.each<[string, unknown, number]>([
    ['without a server', {}, 1],
    ['with more than a server', { server: {}, other: 1 }, 1],
    ['with an empty name', { server: { name: '' } }, 1],
    ['with a name that is too long', { server: { name: 'n'.repeat(256) } }, 1],
    ['with a name with a space at its end', { server: { name: 'n ' } }, 1],
    ['with a name that is none', { server: { name: 7 } }, 1],
    ['with no IPv4 address', { server: { accessIPv4: '1.2.3' } }, 1],
    ['with no IPv6 address', { server: { accessIPv6: '192.0.2.1' } }, 1],
    ['with another disk config', { server: { 'OS-DCF:diskConfig': 'auto' } }, 1],
    ['with a description before 2.19', { server: { description: 'd' } }, 18],
    ['with a description that is too long', { server: { description: 'd'.repeat(256) } }, 19],
    ['with a host name before 2.90', { server: { hostname: 'host' } }, 89],
    ['with a domain name before 2.94', { server: { hostname: 'host.example' } }, 93],
    ['with a host name that is none', { server: { hostname: 'a b' } }, 94],
    ['with a zone to pin it to', { server: { pinned_availability_zone: 'nova' } }, 100],
    ['with what every object has', JSON.parse('{"server": {"__proto__": "x"}}'), 100],
    ['with a status', { server: { status: 'ACTIVE' } }, 100],
  ])('%s is refused, and changes nothing', async (_, body, microversion) => {
    const before = await get(living);
    const answer = await member.send<Json>('PUT', `/servers/${living}`, { body, microversion });
    expect([answer.status, answer.body]).toEqual([400, { badRequest: { code: 400, message: expect.any(String) } }]);
    expect(await get(living)).toEqual(before);
  });

  test.each<[unknown, number]>([
    [{ description: 'd' }, 19],
    [{ hostname: 'host' }, 90],
    [{ hostname: 'host.example' }, 94],
    [{ name: 'n'.repeat(255) }, 1],
  ])('%j is accepted at 2.%i', async (server, microversion) => {
    expect((await put(living, server, microversion)).status).toBe(200);
  });
});

test('a server that is not there, is deleted or is of another project is not found', async () => {
  const gone = await member.boot();
  await member.settled(gone);
  await member.send('DELETE', `/servers/${gone}`);
  for (const [id, who] of [
    [randomUUID(), member],
    ['name', member],
    [gone, member],
    [living, await cloud.newUser()],
  ] as const) {
    const message = `Instance ${id} could not be found.`;
    expect(await put(id, { name: 'n' }, 100, who)).toMatchObject({ status: 404, body: { itemNotFound: { code: 404, message } } });
  }
});

test('a cell that does not answer is no missing server', async () => {
  const down = cloud.service.dataApi.faults.add({ kind: 'down', cluster: 'cell1' });
  const { status, headers } = await put(living, { name: 'n' });
  down.lift();
  expect([status, headers.get('retry-after')]).toEqual([503, expect.any(String)]);
});

describe('a server that is being built', () => {
  const rename = (server: Awaited<ReturnType<typeof acceptServer>>, display_name = 'other') =>
    updateServer(cloud.service.api, server.caller, server.id, { display_name });
  const nameIn = async (cell: string, id: string) => {
    const [row] = await query<{ display_name: string }>(cloud.database(cell), 'select display_name from instances where uuid = :id::uuid', {
      id,
    });
    return row?.display_name;
  };

  test('is changed in its build request, and has its new name in the cell', async () => {
    const scheduled = await scheduleServer(cloud);
    const before = await query(cloud.service.api, 'select updated_at, fencing_token from build_requests');
    const { instance } = await rename(scheduled.server);
    expect(instance).toMatchObject({ display_name: 'other', vm_state: 'building', task_state: 'scheduling', tags: ['blue'] });
    // The owner has its heartbeat for itself; nothing was written anywhere, so nothing is outdated.
    expect(await query(cloud.service.api, 'select updated_at, fencing_token from build_requests')).toEqual(before);
    await createInCell(cloud.service.api, scheduled.placement);
    expect(await nameIn(scheduled.here, scheduled.server.id)).toBe('other');
    await comeToRest(cloud.service);
  });

  test.each(['insert into instances', 'delete from build_requests'])('keeps a change that is made just before: %s', async (statement) => {
    const scheduled = await scheduleServer(cloud);
    const run = () => createInCell(cloud.service.api, scheduled.placement);
    const created = await beforeStatement(statement, () => rename(scheduled.server), run);
    expect(created).toMatchObject({ created: { server: scheduled.server.id, fencing_token: 2 } });
    expect(await nameIn(scheduled.here, scheduled.server.id)).toBe('other');
    await comeToRest(cloud.service);
    expect(await nameIn(scheduled.here, scheduled.server.id)).toBe('other');
  });

  test.each(['insert into instances', 'delete from build_requests'])('keeps it on its way into cell0, too: %s', async (statement) => {
    const servers = [await acceptServer(cloud), await acceptServer(cloud)] as const;
    await query(cloud.service.api, 'update build_requests set execution = :execution', { execution: servers[0].execution });
    const failure = { error: 'NoValidHost', cause: 'x', sentence: 'x', details: 'x' };
    const ids = servers.map(({ id }) => id);
    const run = () => buryInCell0(cloud.service.api, servers[0].execution, ids, failure);
    const ended = await beforeStatement(statement, () => rename(servers[1]), run);
    expect(ended.map(({ uuid }) => uuid).toSorted()).toEqual(ids.toSorted());
    expect([await nameIn('cell0', servers[0].id), await nameIn('cell0', servers[1].id)]).toEqual(['server', 'other']);
    await comeToRest(cloud.service);
  });

  test('is changed in its cell when it gets there meanwhile', async () => {
    const scheduled = await scheduleServer(cloud);
    const arrive = () => createInCell(cloud.service.api, scheduled.placement);
    const { instance } = await beforeStatement('update build_requests', arrive, () => rename(scheduled.server));
    expect(instance).toMatchObject({ display_name: 'other', task_state: 'scheduling' });
    expect(await nameIn(scheduled.here, scheduled.server.id)).toBe('other');
    await comeToRest(cloud.service);
  });
});
