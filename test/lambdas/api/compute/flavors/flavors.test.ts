import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';

interface FlavorList {
  flavors: { id: string; name: string; description?: string | null }[];
  flavors_links?: { href: string }[];
}

let cloud: Cloud;
let user: User;
let admin: User;
beforeAll(async () => {
  cloud = await startCloud();
  [user, admin] = await Promise.all([cloud.newUser(), cloud.newUser('admin')]);
});
afterAll(() => cloud?.stop());

const word = () => randomBytes(6).toString('hex');
const links = (id: string) => [
  { rel: 'self', href: `${cloud.service.url}/v2.1/flavors/${id}` },
  { rel: 'bookmark', href: `${cloud.service.url}/flavors/${id}` },
];

async function create(flavor: object, microversion = 100) {
  const { status, body } = await admin.send<Record<string, { id: string; message: string }>>('POST', '/flavors', {
    body: { flavor: { name: word(), ram: 64, vcpus: 1, disk: 1, ...flavor } },
    microversion,
  });
  return { status, body, id: body.flavor?.id ?? '' };
}

async function list(who: User, search: string): Promise<string[]> {
  const { status, body } = await who.send<FlavorList>('GET', `/flavors${search}`);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.flavors.map(({ id }) => id);
}

async function answer(who: User, method: string, path: string, microversion = 100) {
  const { status, body } = await who.send(method, path, { microversion });
  return [status, body];
}

describe('a flavor', () => {
  const small = {
    id: '2',
    name: 'm1.small',
    ram: 2048,
    disk: 20,
    vcpus: 1,
    swap: '',
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'OS-FLV-DISABLED:disabled': false,
    'os-flavor-access:is_public': true,
    rxtx_factor: 1,
  };

  test.each([
    [1, {}],
    [54, {}],
    [55, { description: null }],
    [61, { description: null, extra_specs: {} }],
    [74, { description: null, extra_specs: {} }],
    [75, { description: null, extra_specs: {}, swap: 0 }],
    [100, { description: null, extra_specs: {}, swap: 0 }],
  ])('is shown and listed at 2.%i as Nova does', async (microversion, more) => {
    const shown = { ...small, links: links('2'), ...more };
    expect(await answer(user, 'GET', '/flavors/2', microversion)).toEqual([200, { flavor: shown }]);
    const [, detail] = await answer(user, 'GET', '/flavors/detail?marker=1&limit=1', microversion);
    expect(detail).toMatchObject({ flavors: [shown] });
    const [, index] = await answer(user, 'GET', '/flavors?marker=1&limit=1', microversion);
    const described = microversion >= 55 ? { description: null } : {};
    expect(index).toEqual({
      flavors: [{ id: '2', name: 'm1.small', links: links('2'), ...described }],
      flavors_links: [{ rel: 'next', href: `${cloud.service.url}/v2.1/flavors?limit=1&marker=2` }],
    });
  });

  test('has extra specs of its own resource', async () => {
    const { id } = await create({});
    await query(
      cloud.service.api,
      `insert into flavor_extra_specs (flavor_id, key, value) select id, 'hw:cpu_policy', 'dedicated' from flavors where flavorid = :id`,
      { id },
    );
    expect(await answer(user, 'GET', `/flavors/${id}/os-extra_specs`)).toEqual([200, { extra_specs: { 'hw:cpu_policy': 'dedicated' } }]);
    expect((await answer(user, 'GET', `/flavors/${id}`))[1]).toMatchObject({ flavor: { extra_specs: { 'hw:cpu_policy': 'dedicated' } } });
  });

  test.each(['/flavors/unknown', '/flavors/unknown/os-extra_specs'])('that is not there: %s', async (path) => {
    expect(await answer(user, 'GET', path)).toEqual([404, { itemNotFound: { code: 404, message: 'Flavor unknown could not be found.' } }]);
  });
});

describe('an admin', () => {
  test('creates, sees and deletes a flavor', async () => {
    const asked = { name: 'Größe 日', id: 'a.b_c-d 1', ram: '128', vcpus: 2, disk: 0, swap: 16, 'OS-FLV-EXT-DATA:ephemeral': '3' };
    const { status, body } = await create({ ...asked, rxtx_factor: '1.5', 'os-flavor-access:is_public': 'no', description: 'd' });
    const flavor = {
      id: 'a.b_c-d 1',
      name: 'Größe 日',
      ram: 128,
      vcpus: 2,
      disk: 0,
      swap: 16,
      'OS-FLV-EXT-DATA:ephemeral': 3,
      'OS-FLV-DISABLED:disabled': false,
      'os-flavor-access:is_public': false,
      rxtx_factor: 1.5,
      description: 'd',
      extra_specs: {},
      links: links('a.b_c-d 1'),
    };
    expect([status, body]).toEqual([200, { flavor }]);
    expect(await answer(admin, 'GET', '/flavors/a.b_c-d%201')).toEqual([200, { flavor }]);
    expect(await answer(user, 'GET', '/flavors/a.b_c-d%201')).toMatchObject([404, {}]);
    expect(await answer(admin, 'DELETE', '/flavors/a.b_c-d%201')).toEqual([202, undefined]);
    expect(await answer(admin, 'DELETE', '/flavors/a.b_c-d%201')).toMatchObject([404, {}]);
  });

  test('needs no id, and may name a number', async () => {
    expect((await create({ id: null })).id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await create({ id: 4711 })).id).toBe('4711');
  });

  test('cannot take a name or an id twice', async () => {
    const [name, id] = [word(), word()];
    await create({ name, id });
    const conflict = (message: string) => ({ status: 409, body: { conflictingRequest: { code: 409, message } } });
    expect(await create({ name })).toMatchObject(conflict(`Flavor with name ${name} already exists.`));
    expect(await create({ id })).toMatchObject(conflict(`Flavor with ID ${id} already exists.`));
  });

  test('deletes a flavor and its servers keep it', async () => {
    const { id, body } = await create({});
    const server = await user.boot({ flavorRef: id });
    await admin.send('DELETE', `/flavors/${id}`);
    expect((await user.settled(server)).flavor).toMatchObject({ original_name: (body.flavor as unknown as { name: string }).name });
  });

  test.each([
    ['a name of 256 characters', { name: 'x'.repeat(256) }],
    ['an empty name', { name: '' }],
    ['a name with a space at its end', { name: 'x ' }],
    ['a name outside the basic plane', { name: '\u{1f600}' }],
    ['no memory', { ram: 0 }],
    ['memory that is no number', { ram: 'much' }],
    ['memory of a fraction', { ram: 1.5 }],
    ['a disk below zero', { disk: -1 }],
    ['more than an integer holds', { vcpus: 2_147_483_648 }],
    ['far more than an integer holds', { vcpus: '9'.repeat(400) }],
    ['a swap of null', { swap: null }],
    ['a factor of zero', { rxtx_factor: 0 }],
    ['a factor of zero in words', { rxtx_factor: '0.0' }],
    ['a factor beyond a float', { rxtx_factor: 3.5e38 }],
    ['an id with a space at its end', { id: 'x ' }],
    ['an id with a slash', { id: 'a/b' }],
    ['a word for a boolean that is none', { 'os-flavor-access:is_public': 'y' }],
    ['a description of 65536 characters', { description: 'x'.repeat(65_536) }],
    ['a description of two lines', { description: 'x\ny' }],
    ['a key of another', { other: 1 }],
  ])('cannot create a flavor with %s', async (_, flavor) => {
    const before = await list(admin, '?is_public=None');
    const { status, body } = await create(flavor);
    expect([status, Object.keys(body)]).toEqual([400, ['badRequest']]);
    expect(await list(admin, '?is_public=None')).toEqual(before);
  });

  test('cannot describe a flavor before 2.55', async () => {
    expect((await create({ description: 'x' }, 54)).body).toMatchObject({
      badRequest: { message: expect.stringContaining("Additional properties are not allowed ('description' was unexpected)") },
    });
  });
});

test.each(['POST /flavors create', 'DELETE /flavors/1 delete'])('a member may not: %s', async (line) => {
  const [method = '', path = '', rule] = line.split(' ');
  const body = method === 'POST' ? { body: { flavor: { name: 'n', ram: 1, vcpus: 1, disk: 1 } } } : {};
  const { status, body: fault } = await user.send(method, path, body);
  const message = `Policy doesn't allow os_compute_api:os-flavor-manage:${rule} to be performed.`;
  expect([status, fault]).toEqual([403, { forbidden: { code: 403, message } }]);
});

describe('a list', () => {
  test('has what everybody sees, and for a project what is shared with it', async () => {
    const { id } = await create({ 'os-flavor-access:is_public': false });
    expect(await list(user, '')).not.toContain(id);
    expect(await list(user, '?is_public=None')).not.toContain(id);
    expect(await list(admin, '')).not.toContain(id);
    expect(await list(admin, '?is_public=False')).toContain(id);
    expect(await list(admin, '?is_public=False')).not.toContain('1');
    expect(await list(admin, '?is_public=none')).toEqual(expect.arrayContaining([id, '1']));
    await query(
      cloud.service.api,
      'insert into flavor_projects (flavor_id, project_id) select id, :project from flavors where flavorid = :id',
      {
        project: user.projectId,
        id,
      },
    );
    expect(await list(user, '')).toContain(id);
    expect((await user.send('GET', `/flavors/${id}`)).status).toBe(200);
  });

  test('shows disabled flavors to admins only, and nobody boots them', async () => {
    const { id } = await create({});
    await query(cloud.service.api, 'update flavors set disabled = true where flavorid = :id', { id });
    expect(await list(user, '')).not.toContain(id);
    expect(await list(admin, '')).toContain(id);
    await expect(user.boot({ flavorRef: id })).rejects.toThrow(`Flavor ${id} could not be found.`);
  });

  test('is filtered by memory and disk', async () => {
    expect(await list(user, '?minRam=8192')).toEqual(['4', '5']);
    expect(await list(user, '?minDisk=80&minRam=-1')).toEqual(['4', '5']);
    expect(await list(user, `?minRam=${'9'.repeat(30)}`)).toEqual([]);
  });

  test('is sorted and paged', async () => {
    expect(await list(user, '?minRam=512&sort_key=memory_mb&sort_dir=desc&limit=2')).toEqual(['5', '4']);
    expect(await list(user, '?minRam=512&sort_key=memory_mb&sort_dir=desc&limit=2&marker=4')).toEqual(['3', '2']);
    expect(await list(user, '?minRam=8192&marker=1')).toEqual(['4', '5']);
    expect(await list(user, '?limit=0')).toEqual([]);
  });

  test.each([
    ['limit=-1', "Invalid input for query parameters limit. Value: -1. '-1' does not match '^[0-9]*$'"],
    ['marker=unknown', 'marker [unknown] not found'],
    ['minRam=much', 'Invalid minRam filter [much]'],
    ['minDisk=', 'Invalid minDisk filter []'],
    ['sort_dir=up', "Invalid input for query parameters sort_dir. Value: up. 'up' is not one of ['asc', 'desc']"],
    ['sort_key=ram', expect.stringMatching(/^Invalid input for query parameters sort_key. Value: ram. 'ram' is not one of \['created_at'/)],
    ['nonsense=1', "Additional properties are not allowed ('nonsense' was unexpected)"],
  ])('is refused for %s', async (search, message) => {
    expect(await answer(user, 'GET', `/flavors?${search}`)).toEqual([400, { badRequest: { code: 400, message } }]);
  });

  test('of an admin is refused for a word that is no boolean; of a member it does not count', async () => {
    for (const word of ['maybe', '__proto__', 'constructor', 'toString']) {
      const message = `Invalid is_public filter [${word}]`;
      expect(await answer(admin, 'GET', `/flavors?is_public=${word}`)).toEqual([400, { badRequest: { code: 400, message } }]);
    }
    expect((await user.send('GET', '/flavors?is_public=maybe')).status).toBe(200);
  });

  test('drops what it does not know before 2.75', async () => {
    expect((await user.send('GET', '/flavors?nonsense=1', { microversion: 74 })).status).toBe(200);
  });
});

test('descriptions larger than a row of the Data API, and more of them than an answer holds, are shown, listed and booted', async () => {
  const description = '"'.repeat(50_000);
  const made = await Promise.all(Array.from({ length: 14 }, () => create({ description })));
  const [first] = made;
  expect((await answer(user, 'GET', `/flavors/${first?.id}`))[1]).toMatchObject({ flavor: { description } });
  const { body } = await user.send<FlavorList>('GET', '/flavors/detail?sort_key=created_at&sort_dir=desc&limit=14');
  expect(body.flavors.map((flavor) => flavor.description)).toEqual(made.map(() => description));
  await user.settled(await user.boot({ flavorRef: first?.id }));
});
