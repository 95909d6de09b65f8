import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureImage, findImage, type NewImage } from '../../../../database/api/images.ts';
import { cirros } from '../../../../image/cirros.ts';
import { issueToken } from '../../../../lambdas/api/http/tokens/issue-token.ts';
import { handler } from '../../../../lambdas/api/image.ts';
import { asking, type Json } from '../events.ts';
import { type ApiServices, startApiServices } from '../services.ts';

const ask = asking(handler);
const demo = 'd'.repeat(32);
const other = 'e'.repeat(32);
const uuid = (digit: number) => `0000000${digit}-0000-4000-8000-000000000000`;
const image = (digit: number, more: Partial<NewImage>): NewImage => ({ ...cirros(other), id: uuid(digit), name: `i${digit}`, ...more });

let services: ApiServices;
let member: string;
let admin: string;

beforeAll(async () => {
  services = await startApiServices();
  const { database } = services;
  await ensureImage(database, cirros(demo));
  await ensureImage(database, image(1, { visibility: 'private' }));
  await ensureImage(
    database,
    image(2, { owner: demo, visibility: 'private', size: 5, properties: { os_distro: 'arch', name: 'not this' } }),
  );
  await ensureImage(database, image(3, { status: 'queued' }));
  await ensureImage(database, image(4, { visibility: 'shared', name: 'shared' }));
  await ensureImage(database, image(5, { visibility: 'community', name: 'everyone', diskFormat: 'iso', minDisk: 2, minRam: 64 }));
  const issue = async (role: string) =>
    (
      await issueToken({
        user: { id: 'a', name: 'a' },
        project: { id: demo, name: 'demo' },
        roles: [{ id: role, name: role }],
        methods: ['password'],
      })
    ).text;
  member = await issue('member');
  admin = await issue('admin');
}, 60_000);
afterAll(() => services?.stop());

async function names(query: string, token = member): Promise<unknown[]> {
  const { status, body } = await ask(`/image/v2/images${query}`, { token });
  expect(status, query).toBe(200);
  return (body.images as unknown as Json[]).map(({ name }) => name);
}

describe('a listing of images', () => {
  test('shows the public ones and those of the project, and an admin all', async () => {
    expect(await names('?sort=name:asc')).toEqual(['cirros', 'i2', 'i3']);
    expect(await names('?sort=name:asc', admin)).toEqual(['cirros', 'i1', 'i2', 'i3', 'shared']);
  });

  test('shows what others gave to the community only when it is asked for', async () => {
    expect(await names('?visibility=community')).toEqual(['everyone']);
    expect(await names('?visibility=all&sort=name:asc')).toEqual(['cirros', 'everyone', 'i2', 'i3']);
    expect(await names('?visibility=all&sort=name:asc', admin)).toEqual(['cirros', 'everyone', 'i1', 'i2', 'i3', 'shared']);
    expect((await ask(`/image/v2/images/${uuid(5)}`, { token: member })).status).toBe(200);
    expect((await ask(`/image/v2/images/${uuid(4)}`, { token: member })).status).toBe(404);
  });

  test.each([
    ['disk_format=iso', ['everyone']],
    ['disk_format=in:iso,raw', ['everyone']],
    ['disk_format=eq:qcow2', ['cirros', 'i1', 'i2', 'i3', 'shared']],
    ['container_format=ovf', []],
    ['name=in:i1,"i2",none', ['i1', 'i2']],
    ['name=in:"i1,i2"', []],
    [`owner=${demo}`, ['cirros', 'i2']],
    ['checksum=abc', []],
    ['os_hash_value=abc', []],
    ['os_hash_algo=sha512', []],
    ['min_disk=2', ['everyone']],
    ['min_disk_min=1', ['everyone']],
    ['min_disk_max=1', ['cirros', 'i1', 'i2', 'i3', 'shared']],
    ['min_ram_min=64', ['everyone']],
    ['min_ram_min=65', []],
    ['size=5', ['i2']],
    ['size_max=5', ['i2']],
    ['size_min=6&size_max=99999999999999999999', ['cirros', 'everyone', 'i1', 'i3', 'shared']],
    ['virtual_size=5', []],
    ['os_distro=arch', ['i2']],
    ['os_distro=debian', []],
    ['os_distro=arch&disk_format=iso', []],
    ['__proto__=x', []],
    ['constructor=x', []],
    ['tag=blue', []],
    ['tag=blue&tag=green', []],
    ['os_hidden=true', []],
    ['protected=true', []],
    ['protected=false&name=cirros', ['cirros']],
    ['member_status=all&name=cirros', ['cirros']],
    ['created_at=gt:2020-01-01T00:00:00Z&name=cirros', ['cirros']],
    ['created_at=lt:2020-01-01T00:00:00Z', []],
    ['updated_at=gte:2020-01-01&name=cirros', ['cirros']],
    ['created_at=2020-01-01T00:00:00Z', []],
  ])('%s finds what it says, and nothing else', async (query, found) => {
    expect(await names(`?visibility=all&sort=name:asc&${query}`, admin)).toEqual(found);
  });

  test('finds an image by the times that it shows', async () => {
    const { created_at: time } = (await ask(`/image/v2/images/${uuid(5)}`, { token: admin })).body;
    const at = (operator: string) => names(`?visibility=community&created_at=${operator}:${time}`, admin);
    expect(await Promise.all(['eq', 'gte', 'lte', 'neq', 'gt', 'lt'].map(at))).toEqual([
      ...Array(3).fill(['everyone']),
      ...Array(3).fill([]),
    ]);
    expect(await names(`?visibility=community&created_at=${time}`, admin)).toEqual(['everyone']);
  });

  test('filters', async () => {
    expect(await names('?name=cirros')).toEqual(['cirros']);
    expect(await names('?name=i1')).toEqual([]);
    expect(await names(`?sort=name:asc&id=in:${uuid(1)},${uuid(2)},nonsense`)).toEqual(['i2']);
    expect(await names(`?id=${uuid(3)}`)).toEqual(['i3']);
    expect(await names('?status=queued')).toEqual(['i3']);
    expect(await names('?visibility=private')).toEqual(['i2']);
    expect(await names('?visibility=private&sort_key=name&sort_dir=desc', admin)).toEqual(['i2', 'i1']);
    expect(await names('?limit=0')).toEqual([]);
    expect(await names('?os_hidden=True')).toEqual([]);
    expect(await names('?os_hidden=False&name=cirros')).toEqual(['cirros']);
  });

  test('is newest first by default', async () => {
    expect(await names('')).toEqual(['i3', 'i2', 'cirros']);
    expect(await names('?sort=size:asc,name:desc')).toEqual(['i2', 'i3', 'cirros']);
  });

  test('leads from page to page', async () => {
    const seen: unknown[] = [];
    let next: string | undefined = '/v2/images?limit=1&sort=name:asc';
    while (next) {
      const { body } = await ask(`/image${next}`, { token: member });
      seen.push(...(body.images as unknown as Json[]).map(({ name }) => name));
      expect(body).toMatchObject({ first: '/v2/images?limit=1&sort=name%3Aasc', schema: '/v2/schemas/images' });
      next = body.next as unknown as string | undefined;
      expect(seen.length).toBeLessThan(5);
    }
    expect(seen).toEqual(['cirros', 'i2', 'i3']);
  });

  test('keeps its filters from page to page', async () => {
    const { body } = await ask('/image/v2/images?os_distro=arch&name=i2&tag=%26&limit=1', { token: member });
    expect(body).toMatchObject({ images: [], first: '/v2/images?os_distro=arch&name=i2&tag=%26&limit=1' });
    const { body: page } = await ask(`/image/v2/images?os_distro=arch&size_max=5&limit=1&sort=id`, { token: member });
    expect(page.next).toBe(`/v2/images?os_distro=arch&size_max=5&limit=1&sort=id&marker=${uuid(2)}`);
    expect((await ask(`/image${page.next}`, { token: member })).body.images).toEqual([]);
  });

  test.each([
    `?marker=${uuid(1)}`,
    '?marker=x',
    '?limit=-1',
    '?limit=x',
    '?sort=owner:asc',
    '?sort_key=owner',
    '?sort=name:up',
    '?sort=secret:asc',
    '?sort_key=1;drop',
    '?visibility=x',
    '?member_status=x',
    '?os_hidden=x',
    '?protected=x',
    '?protected=True',
    '?size_min=x',
    '?min_ram=x',
    '?owner_min=1',
    '?name=gt:a',
    '?name=in:a"b',
    '?disk_format=not:iso',
    '?created_at=x',
    '?created_at=x:2020-01-01',
    '?created_at=0000',
    '?changes-since=2020-01-01',
    '?deleted=true',
    '?sort=name&sort_key=name',
    '?sort_key=name&sort_dir=asc&sort_dir=desc',
    '?name=%ff',
  ])('refuses %s', async (query) => {
    const { status, body } = await ask(`/image/v2/images${query}`, { token: member });
    expect([status, body.title]).toEqual([400, 'Bad Request']);
  });
});

describe('an image', () => {
  test('has its properties beside its own keys, which win', async () => {
    const { status, body } = await ask(`/image/v2/images/${uuid(2)}`, { token: member });
    expect(status).toBe(200);
    expect(body).toEqual({
      id: uuid(2),
      name: 'i2',
      status: 'active',
      visibility: 'private',
      owner: demo,
      size: 5,
      virtual_size: null,
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      os_hidden: false,
      disk_format: 'qcow2',
      container_format: 'bare',
      min_disk: 0,
      min_ram: 0,
      protected: false,
      tags: [],
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      self: `/v2/images/${uuid(2)}`,
      file: `/v2/images/${uuid(2)}/file`,
      schema: '/v2/schemas/image',
      os_distro: 'arch',
    });
  });

  test('has no tasks, since none is imported', async () => {
    const { status, body } = await ask(`/image/v2/images/${uuid(2)}/tasks`, { token: member });
    expect([status, body]).toEqual([200, { tasks: [] }]);
    expect((await ask(`/image/v2/images/${uuid(1)}/tasks`, { token: member })).status).toBe(404);
  });

  test('that is unknown, foreign or no uuid is 404', async () => {
    for (const id of [uuid(9), uuid(1), 'cirros', '%00', `${uuid(2)}x`]) {
      const { status, body } = await ask(`/image/v2/images/${id}`, { token: member });
      expect([status, body.code], id).toEqual([404, '404 Not Found']);
    }
    expect((await ask(`/image/v2/images/${uuid(1)}`, { token: admin })).status).toBe(200);
  });

  test.each([
    ['GET', '/file'],
    ['GET', '/members'],
    ['PUT', '/tags/blue'],
    ['PATCH', ''],
  ])('is not said to be missing for what is not built of it: %s %s', async (method, below) => {
    const { status, body } = await ask(`/image/v2/images/${cirros(demo).id}${below}`, { method, token: member });
    expect([status, body.message]).toEqual([501, 'The requested functionality is not supported.']);
  });

  test('stays as it is when ensured again', async () => {
    await ensureImage(services.database, { ...cirros(demo), name: 'renamed' });
    expect(await findImage(services.database, cirros(demo).id.toUpperCase(), { projectId: other, seesAll: false })).toMatchObject({
      name: 'cirros',
    });
  });
});

describe('a delete of an image', () => {
  const remove = (id: string, token = member) => ask(`/image/v2/images/${id}`, { method: 'DELETE', token });
  const there = async (id: string) => (await ask(`/image/v2/images/${id}`, { token: admin })).status === 200;
  const add = (digit: number, more: Partial<NewImage>) => ensureImage(services.database, image(digit, more));

  test('takes one of the project away, whatever its status; another time there is none', async () => {
    await add(6, { owner: demo, visibility: 'private', status: 'queued' });
    expect((await remove(uuid(6))).status).toBe(204);
    expect(await there(uuid(6))).toBe(false);
    const { status, body } = await remove(uuid(6));
    expect([status, body.message]).toEqual([404, `Failed to find image ${uuid(6)} to delete`]);
  });

  test('is refused for what another project shows, and finds nothing where it shows nothing; an admin deletes all', async () => {
    await add(7, { visibility: 'public' });
    await add(8, { visibility: 'private' });
    const { status, body } = await remove(uuid(7));
    expect([status, body.message]).toEqual([403, 'You are not authorized to complete delete_image action.']);
    for (const id of [uuid(8), 'cirros', '%00']) expect((await remove(id)).status, id).toBe(404);
    for (const id of [uuid(7), uuid(8)]) {
      expect(await there(id)).toBe(true);
      expect((await remove(id, admin)).status).toBe(204);
      expect(await there(id)).toBe(false);
    }
  });
});

test('versions are public, the rest is not', async () => {
  for (const [path, status] of [
    ['/image', 300],
    ['/image/', 300],
    ['/image/versions', 200],
  ] as const) {
    const answer = await ask(path);
    expect(answer.status).toBe(status);
    expect(answer.body.versions?.[0]).toMatchObject({
      id: 'v2.2',
      status: 'CURRENT',
      links: [{ href: 'https://cloud.example/image/v2/' }],
    });
  }
  for (const path of ['/image/v2/images', `/image/v2/images/${uuid(2)}`, '/image/nothing']) expect((await ask(path)).status).toBe(401);
});
