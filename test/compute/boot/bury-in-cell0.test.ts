/** A burial does not depend on what made the build fail: what a database refuses of a server is left out, reported, and holds up nothing else. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buryInCell0 } from '../../../compute/boot/bury-in-cell0.ts';
import { readFailure } from '../../../compute/boot/failure.ts';
import { findInstances } from '../../../database/cell/instances/find.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, type Json, type ServerBody, startCloud, type User } from '../../fixtures/cloud.ts';
import { comeToRest, reapNow } from '../../fixtures/rest.ts';
import { carried, fullServer } from '../../fixtures/traffic.ts';

let cloud: Cloud;
let admin: User;
let tooLarge: string;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 20 });
  admin = await cloud.newUser('admin');
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
});
afterAll(() => cloud?.stop());
afterEach(async () => {
  await acceptAll();
  await comeToRest(cloud.service);
  for (const { id } of await all()) await admin.send('DELETE', `/servers/${id}`);
});

const refusing: [database: string, table: string][] = [];

/**
 * Makes a database refuse rows of a table with an answer of PostgreSQL's, those for which a condition over the row holds.
 * @param when `before` a row is there, as its values are refused, or `after`, as constraints that look at others are.
 */
async function refuse(database: string, table: string, { when = 'before', state = '22003', condition = 'true' } = {}): Promise<void> {
  refusing.push([database, table]);
  await query(
    cloud.database(database),
    `do $do$ begin
       create or replace function refuse_${table}() returns trigger language plpgsql as $function$
       begin
         if ${condition} then
           raise exception 'out of range' using errcode = '${state}';
         end if;
         return new;
       end $function$;
       create trigger refused ${when} insert on ${table} for each row execute function refuse_${table}();
     end $do$`,
  );
}

async function acceptAll(): Promise<void> {
  for (const [database, table] of refusing.splice(0)) await query(cloud.database(database), `drop trigger refused on ${table}`);
}

/** Boots servers that carry all that servers may, and by default fit nowhere; returns them when nothing is at work any more. */
async function buried(user: User, fields: Json = {}): Promise<ServerBody[]> {
  await user.send('POST', '/os-keypairs', { body: { keypair: { name: 'mine', public_key: publicKey } } });
  await user.boot({ ...fullServer, flavorRef: tooLarge, key_name: 'mine', ...fields });
  await cloud.service.workflow.drain();
  return all();
}
const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID+2Xa66O2MvvRhVh5BBtqfFz3h+6rgSKNo7MTzuvt56';

async function all(): Promise<ServerBody[]> {
  const { body } = await admin.send<{ servers: ServerBody[] }>('GET', '/servers/detail?all_tenants=1&sort_key=launch_index&sort_dir=asc');
  return body.servers;
}

/** Deletes all servers; then nothing is left of any quota. */
async function deleteAll(user: User): Promise<void> {
  for (const { id } of await all()) expect((await admin.send('DELETE', `/servers/${id}`)).status).toBe(204);
  const { body } = await user.send('GET', '/limits');
  expect(body).toMatchObject({ limits: { absolute: { totalInstancesUsed: 0, totalCoresUsed: 0, totalRAMUsed: 0 } } });
  expect(await query(cloud.service.api, 'select used from inventories where used <> 0')).toEqual([]);
}

async function detailsOfEvent(id: string): Promise<string> {
  const { body: list } = await admin.send<{ instanceActions: { request_id: string }[] }>('GET', `/servers/${id}/os-instance-actions`);
  const [action] = list.instanceActions;
  if (!action) return '';
  const { body } = await admin.send<{ instanceAction: { events: { details: string }[] } }>(
    ...(['GET', `/servers/${id}/os-instance-actions/${action.request_id}`] as const),
  );
  return body.instanceAction.events.map(({ details }) => details).join();
}

/** The disks of a server in cell0, as far as a request names them. */
async function disksOf(id: string): Promise<object[]> {
  return query(
    cloud.database('cell0'),
    `select source_type, destination_type, boot_index, image_id, volume_size, delete_on_termination
     from block_device_mapping where instance_uuid = :id::uuid order by id`,
    { id },
  );
}

const image = 'c1220500-0000-4000-8000-000000000001';
const allDisks = [
  ...[{ source_type: 'image', destination_type: 'local', boot_index: 0, image_id: image, volume_size: null, delete_on_termination: true }],
  ...[{ source_type: 'blank', destination_type: 'volume', boot_index: -1, image_id: null, volume_size: 1, delete_on_termination: true }],
];

const whole = {
  status: 'ERROR',
  ...carried,
  flavor: expect.objectContaining({ disk: 10_000, vcpus: 1, ram: 64 }),
};

describe('when cell0 refuses a relation, the server is buried without it, and the reason says so', () => {
  test.each<[table: string, when: string, state: string, lost: object, relation?: string]>([
    ['instance_metadata', 'before', '22003', { metadata: {} }],
    ['instance_system_metadata', 'after', '23514', {}],
    ['tags', 'before', '54000', { tags: [] }],
    ['block_device_mapping', 'before', '22003', {}],
    ['security_groups', 'after', '23505', {}, 'security_group_instance_association'],
    ['security_group_instance_association', 'after', '23503', {}],
    ['instance_extra', 'before', '22P02', {}],
    ['instance_info_caches', 'before', '23502', {}],
    ['instance_faults', 'after', '22001', {}],
    ['instance_actions', 'before', '22008', {}],
    ['instance_actions_events', 'after', '23514', {}, 'instance_actions'],
  ])('%s (%s a row is there, SQLSTATE %s)', async (table, when, state, lost, relation = table) => {
    await refuse('cell0', table, { when, state });
    const user = await cloud.newUser();
    const [server, ...others] = await buried(user);
    expect(others).toEqual([]);
    expect(server).toMatchObject({ ...whole, ...lost });
    expect(await disksOf(server?.id ?? '')).toEqual(table === 'block_device_mapping' ? [] : allDisks);
    const note = `\ncell0 refused ${relation}: ERROR: out of range; SQLState: ${state}`;
    if (relation === 'instance_faults') expect(server).not.toHaveProperty('fault');
    else expect(server?.fault).toMatchObject({ message: 'No valid host was found. ', details: expect.stringContaining(note) });
    const details = await detailsOfEvent(server?.id ?? '');
    if (relation === 'instance_actions') expect(details).toBe('');
    else expect(details).toContain(note);
    expect(await query(cloud.service.api, 'select * from build_requests')).toEqual([]);
    expect((await user.send('GET', '/limits')).body).toMatchObject({ limits: { absolute: { totalInstancesUsed: 1 } } });
    await acceptAll();
    await deleteAll(user);
  });

  test('or several of them, without all that the client filled', async () => {
    await refuse('cell0', 'tags');
    await refuse('cell0', 'instance_metadata');
    const user = await cloud.newUser();
    const [server] = await buried(user);
    expect(server).toMatchObject({ ...whole, tags: [], metadata: {} });
    expect(await disksOf(server?.id ?? '')).toEqual([]);
    expect(server?.fault?.details).toContain('cell0 refused instance_metadata, instance_system_metadata, tags, block_device_mapping,');
    await deleteAll(user);
  });

  test('or all of them, with its row alone', async () => {
    for (const table of ['tags', 'instance_extra', 'instance_faults', 'instance_actions']) await refuse('cell0', table);
    const user = await cloud.newUser();
    const [server] = await buried(user);
    expect(server).toMatchObject({ ...whole, tags: [], metadata: {} });
    expect(await disksOf(server?.id ?? '')).toEqual([]);
    await acceptAll();
    await deleteAll(user);
  });
});

const second = '(select launch_index from instances where uuid = new.resource_id) = 1';

test('one server that cell0 refuses a part of loses that part, the others of the request lose nothing', async () => {
  await refuse('cell0', 'tags', { condition: second });
  const user = await cloud.newUser();
  const servers = await buried(user, { min_count: 5, max_count: 5 });
  expect(servers.map(({ status }) => status)).toEqual(Array(5).fill('ERROR'));
  expect(servers.map(({ tags }) => tags)).toEqual([carried.tags, [], carried.tags, carried.tags, carried.tags]);
  const reported = servers.map(({ fault }) => fault?.details?.includes('cell0 refused tags'));
  expect(reported).toEqual([false, true, false, false, false]);
  await deleteAll(user);
});

test('a server that cell0 takes in no form keeps the others of its request from nothing, and is buried when cell0 takes it', async () => {
  await refuse('cell0', 'instances', { condition: 'new.launch_index = 1' });
  const user = await cloud.newUser();
  const servers = await buried(user, { min_count: 3, max_count: 3 });
  expect(servers.map(({ status }) => status)).toEqual(['ERROR', 'BUILD', 'ERROR']);
  await acceptAll();
  await reapNow(cloud.service);
  await cloud.service.workflow.drain();
  const afterwards = await all();
  expect(afterwards).toMatchObject([whole, whole, whole]);
  for (const { id } of afterwards) expect(await disksOf(id)).toEqual(allDisks);
  await deleteAll(user);
});

test('what speaks of the database and not of the server is waited for: nothing is left out', async () => {
  await refuse('cell0', 'tags', { state: '53100' });
  const user = await cloud.newUser();
  expect(await buried(user)).toMatchObject([{ status: 'BUILD' }]);
  await acceptAll();
  await comeToRest(cloud.service);
  expect(await all()).toMatchObject([whole]);
  await deleteAll(user);
});

test('a reason that is no text of PostgreSQL buries all the same', async () => {
  const { service } = cloud;
  const states = ['BootOne', 'ScheduleServers', 'BuryInCell0'];
  const crashes = states.map((state) => service.workflow.faults.add({ state, when: 'before', error: 'Crash' }));
  const user = await cloud.newUser();
  const id = await user.boot();
  await service.workflow.drain();
  const [request] = await query<{ execution: string }>(service.api, 'select execution from build_requests');
  const failure = readFailure({ Error: 'Error', Cause: 'NUL \0, half a pair \ud83d, and all of it \u{1f600}' });
  expect(await buryInCell0(service.api, request?.execution ?? '', [id], failure)).toHaveLength(1);
  for (const crash of crashes) crash.lift();
  const server = (await findInstances(cloud.database('cell0'), [id])).get(id);
  expect(server?.fault?.details).toBe('Error: NUL , half a pair \ufffd, and all of it \u{1f600}');
  await deleteAll(user);
});

describe('when a cell refuses a server', () => {
  test('it goes to another cell, whole', async () => {
    await refuse('cell1', 'tags');
    const user = await cloud.newUser();
    const servers = await buried(user, { flavorRef: '1', min_count: 4, max_count: 4 });
    expect(servers.map((server) => [server.status, server.tags])).toEqual(Array(4).fill(['ACTIVE', carried.tags]));
    for (const server of servers) expect(server['OS-EXT-SRV-ATTR:host']).toMatch(/^cell2-/);
    await deleteAll(user);
  });

  test('and so do all others, it goes to cell0, whole, with the reason', async () => {
    for (const cell of ['cell1', 'cell2']) await refuse(cell, 'tags');
    const user = await cloud.newUser();
    const [server] = await buried(user, { flavorRef: '1' });
    expect(server).toMatchObject({ ...whole, flavor: expect.anything() });
    expect(await disksOf(server?.id ?? '')).toEqual(allDisks);
    expect(server?.fault?.details).toContain('2 cells refused the server');
    expect(server?.fault?.details).toContain('out of range; SQLState: 22003');
    await deleteAll(user);
  });

  test('as every cell would, it is not taken from one to the next for ever', async () => {
    const { api, workflow } = cloud.service;
    for (const cell of ['cell1', 'cell2', 'cell0']) await refuse(cell, 'tags');
    let cells = 0;
    const end = workflow.onTask(({ state, phase }) => {
      if (state !== 'CreateInCell' || phase !== 'entered') return;
      cells += 1;
      // This many cells take so long that the reaper cleans the first before the last is asked; then it may be picked again.
      if (cells < 20) void query(api, 'delete from pending_cleanups');
    });
    const user = await cloud.newUser();
    const [server] = await buried(user, { flavorRef: '1' });
    end();
    expect(server).toMatchObject({ status: 'ERROR', tags: [] });
    expect(cells).toBe(2);
    await deleteAll(user);
  });
});
