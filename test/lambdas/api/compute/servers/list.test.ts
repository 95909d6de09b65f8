import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';

interface Page {
  servers: ServerBody[];
  servers_links?: { rel: string; href: string }[];
}

const image = 'c1220500-0000-4000-8000-000000000001';

let cloud: Cloud;
let tooLarge: string;
/** Owns alpha (cell0), beta and gamma (hosts), in the order of their birth. */
let user: User;
let admin: User;
const ids: Record<string, string> = {};

beforeAll(async () => {
  cloud = await startCloud();
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
  user = await cloud.newUser();
  admin = await cloud.newUser('admin', user.projectId);
  ids.alpha = await user.boot({ name: 'alpha', flavorRef: tooLarge, tags: ['red', 'round'], description: 'first' });
  ids.beta = await user.boot({ name: 'beta', flavorRef: '2', tags: ['red'], config_drive: true, accessIPv4: '192.0.2.7' });
  // It is launched first, too.
  await user.settled(ids.beta);
  ids.gamma = await user.boot({ name: 'gamma', hostname: 'third', availability_zone: 'nova' });
  for (const id of Object.values(ids)) await user.settled(id);
});
afterAll(() => cloud?.stop());

async function list(who: User, query: string, microversion = 100): Promise<string[]> {
  const { status, body } = await who.send<Page>('GET', `/servers/detail?${query}`, { microversion });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.servers.map(({ name }) => name);
}

test('the newest come first, wherever they are', async () => {
  expect(await list(user, '')).toEqual(['gamma', 'beta', 'alpha']);
});

describe('filters', () => {
  test.each([
    ['name=a$', ['gamma', 'beta', 'alpha']],
    ['name=^(al|be)', ['beta', 'alpha']],
    ['name=nothing', []],
    ['name=%25|%C3%A9|gam', ['gamma']],
    ['name=%zz', []],
    ['name=(%3Fi)GAM', ['gamma']],
    ['name=%5CbAMM', []],
    ['name=%5Cbgamma%5Cb', ['gamma']],
    [`name=^${'g'.repeat(255)}$`, []],
    ['status=ERROR', ['alpha']],
    ['status=active', ['gamma', 'beta']],
    ['status=ERROR&status=ACTIVE', ['gamma', 'beta', 'alpha']],
    ['status=BUILD', []],
    ['flavor=2', ['beta']],
    ['flavor=unknown', []],
    [`image=${image}`, ['gamma', 'beta', 'alpha']],
    ['image=00000000-0000-4000-8000-000000000000', []],
    ['tags=red', ['beta', 'alpha']],
    ['tags=red,round', ['alpha']],
    ['tags-any=round,other', ['alpha']],
    ['not-tags=red,round', ['gamma', 'beta']],
    ['not-tags-any=red,round', ['gamma']],
    ['tags=red&not-tags=round', ['beta']],
    ['availability_zone=nova', ['gamma', 'beta']],
    ['config_drive=True', ['beta']],
    ['hostname=^third$', ['gamma']],
    ['vm_state=error', ['alpha']],
    ['power_state=1', ['gamma', 'beta']],
    ['progress=0', ['gamma', 'beta', 'alpha']],
    ['locked=true', []],
    ['locked=No', ['gamma', 'beta', 'alpha']],
    ['ip=192', []],
    ['ip6=2001', []],
    ['reservation_id=^r-', ['gamma', 'beta', 'alpha']],
    ['changes-since=2020-01-01T00:00:00Z', ['gamma', 'beta', 'alpha']],
    ['changes-since=20200101', ['gamma', 'beta', 'alpha']],
    ['changes-before=2020-01-01', []],
    ['created_at=^20', ['gamma', 'beta', 'alpha']],
    // Not a member's filters, and so dropped.
    ['host=nowhere', ['gamma', 'beta', 'alpha']],
    ['uuid=x', ['gamma', 'beta', 'alpha']],
    ['deleted=True', ['gamma', 'beta', 'alpha']],
    ['tenant_id=other', ['gamma', 'beta', 'alpha']],
    ['metadata=x', ['gamma', 'beta', 'alpha']],
  ])('of a member: %s', async (query, names) => {
    expect(await list(user, query)).toEqual(names);
  });

  test.each([
    ['access_ip_v4=192', ['beta']],
    ['description=first', ['alpha']],
    ['host=nowhere', []],
    ['node=host', ['gamma', 'beta']],
    ['deleted=False', ['gamma', 'beta', 'alpha']],
    ['deleted=nonsense', ['gamma', 'beta', 'alpha']],
    ['soft_deleted=1&locked_by=admin', []],
  ])('of an admin: %s', async (query, names) => {
    expect(await list(admin, query)).toEqual(names);
  });

  test('that came later are dropped before', async () => {
    expect(await list(user, 'tags=red', 25)).toEqual(['gamma', 'beta', 'alpha']);
    expect(await list(user, 'tags=red', 26)).toEqual(['beta', 'alpha']);
    expect(await list(user, 'changes-before=2020-01-01', 65)).toEqual(['gamma', 'beta', 'alpha']);
    expect(await list(user, 'changes-before=2020-01-01', 66)).toEqual([]);
    expect(await list(user, 'locked=true', 72)).toEqual(['gamma', 'beta', 'alpha']);
    expect(await list(user, 'vm_state=error', 82)).toEqual(['gamma', 'beta', 'alpha']);
    expect(await list(user, 'vm_state=error', 83)).toEqual(['alpha']);
    expect(await list(user, 'hostname=third', 89)).toEqual(['gamma', 'beta', 'alpha']);
    expect(await list(user, 'ip6=2001', 4)).toEqual(['gamma', 'beta', 'alpha']);
    expect(await list(user, 'status=NONSENSE', 37)).toEqual([]);
    expect(await list(user, 'nonsense=1', 74)).toEqual(['gamma', 'beta', 'alpha']);
  });

  test('find a server that is being built like any other', async () => {
    const owner = await cloud.newUser();
    const slow = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 400, sql: 'inventories' });
    const id = await owner.boot({ name: 'young', tags: ['new'] });
    expect(await list(owner, 'name=ou&tags=new&status=BUILD')).toEqual(['young']);
    expect(await list(owner, 'status=ACTIVE')).toEqual([]);
    expect(await list(owner, 'not-tags=new')).toEqual([]);
    slow.lift();
    await owner.settled(id);
  });

  test.each(['__proto__', 'constructor', 'toString'])('for deleted servers are none by the word %s', async (word) => {
    expect(await list(admin, `deleted=${word}`)).toEqual(['gamma', 'beta', 'alpha']);
  });

  test('by time meet the times as they are shown, inclusive', async () => {
    const server = await user.settled(ids.gamma ?? '');
    const [launched, created, updated] = [server['OS-SRV-USG:launched_at'], server.created, server.updated];
    expect(await list(user, `launched_at=^${launched}$`)).toEqual(['gamma']);
    for (const query of [`created_at=^${created}$`, `changes-since=${updated}`, `changes-before=${updated}`]) {
      expect(await list(user, query)).toContain('gamma');
    }
    const second = (offset: number) => new Date(Date.parse(String(updated)) + offset * 1_000).toISOString();
    expect(await list(user, `changes-since=${second(1)}`)).not.toContain('gamma');
    expect(await list(user, `changes-before=${second(-1)}`)).not.toContain('gamma');
  });

  test('by address take it in every form', async () => {
    const owner = await cloud.newUser('admin');
    for (const [name, accessIPv6] of [
      ['long', '2001:0DB8:0:0:0:0:0:1'],
      ['short', '2001:db8::1'],
      ['mapped', '::ffff:c000:201'],
    ]) {
      const id = await owner.boot({ name, accessIPv6 });
      expect(await owner.settled(id)).toMatchObject({ accessIPv6: name === 'mapped' ? '::ffff:192.0.2.1' : '2001:db8::1' });
    }
    expect(await list(owner, 'access_ip_v6=2001:DB8:0:0::1')).toEqual(['short', 'long']);
    expect(await list(owner, 'access_ip_v6=^2001:db8::1$')).toEqual(['short', 'long']);
    expect(await list(owner, 'access_ip_v6=::FFFF:192.0.2.1')).toEqual(['mapped']);
  });

  test('by time include what was deleted since', async () => {
    const owner = await cloud.newUser();
    const kept = await owner.boot({ name: 'kept' });
    const gone = await owner.boot({ name: 'gone', flavorRef: tooLarge });
    for (const id of [kept, gone]) await owner.settled(id);
    await sleep(1_100);
    const since = new Date().toISOString();
    await owner.send('DELETE', `/servers/${gone}`);
    const { body } = await owner.send<Page>('GET', `/servers/detail?changes-since=${since}`);
    expect(body.servers.map(({ id, status }) => [id, status])).toEqual([[gone, 'DELETED']]);
    expect(await list(owner, `changes-before=${since}`)).toEqual(['kept']);
  });
});

describe('order', () => {
  test.each([
    ['sort_key=display_name', ['gamma', 'beta', 'alpha']],
    ['sort_key=display_name&sort_dir=asc', ['alpha', 'beta', 'gamma']],
    ['sort_dir=asc', ['alpha', 'beta', 'gamma']],
    ['sort_key=vm_state&sort_key=display_name&sort_dir=asc', ['beta', 'gamma', 'alpha']],
    ['sort_key=vm_state&sort_key=display_name&sort_dir=desc&sort_dir=asc', ['alpha', 'beta', 'gamma']],
    ['sort_key=instance_type_id&sort_dir=asc', ['gamma', 'beta', 'alpha']],
    ['sort_key=launched_at&sort_key=created_at&sort_dir=asc', ['alpha', 'beta', 'gamma']],
    ['sort_key=kernel_id&sort_key=display_name&sort_dir=asc', ['alpha', 'beta', 'gamma']],
  ])('%s', async (query, names) => {
    expect(await list(user, query)).toEqual(names);
  });

  test('by columns that Nova never sorted by is the default one before 2.75', async () => {
    expect(await list(user, 'sort_key=vcpus&sort_key=id', 74)).toEqual(['gamma', 'beta', 'alpha']);
    expect(await list(user, 'sort_key=locked&sort_key=display_name&sort_dir=asc&sort_dir=asc', 72)).toEqual(['alpha', 'beta', 'gamma']);
  });

  test('by host is for admins', async () => {
    expect(await list(admin, 'sort_key=host&sort_dir=asc')).toHaveLength(3);
  });
});

describe('pages', () => {
  async function pages(who: User, query: string): Promise<string[][]> {
    const all: string[][] = [];
    for (let path: string | undefined = `/servers/detail?${query}`; path; ) {
      const { body }: { body: Page } = await who.send<Page>('GET', path);
      all.push(body.servers.map(({ name }) => name));
      path = body.servers_links?.[0]?.href.split('/v2.1')[1];
    }
    return all;
  }

  test.each([
    ['limit=2', [['gamma', 'beta'], ['alpha']]],
    ['limit=1', [['gamma'], ['beta'], ['alpha'], []]],
    ['limit=3', [['gamma', 'beta', 'alpha'], []]],
    ['limit=4', [['gamma', 'beta', 'alpha']]],
    ['limit=2&sort_key=display_name&sort_dir=asc', [['alpha', 'beta'], ['gamma']]],
    ['limit=1&sort_key=vm_state&sort_dir=asc&sort_key=display_name', [['beta'], ['gamma'], ['alpha'], []]],
    ['limit=1&tags=red', [['beta'], ['alpha'], []]],
    ['limit=1&status=ACTIVE', [['gamma'], ['beta'], []]],
  ])('%s', async (query, names) => {
    expect(await pages(user, query)).toEqual(names);
  });

  test('have a link to the next with all that was asked', async () => {
    const { body } = await user.send<Page>('GET', '/servers?limit=1&name=a&sort_key=created_at&sort_dir=asc');
    const href = `${cloud.service.url}/v2.1/servers?limit=1&name=a&sort_dir=asc&sort_key=created_at&marker=${ids.alpha}`;
    expect(body.servers_links).toEqual([{ rel: 'next', href }]);
  });

  test('of nothing are empty and have no link', async () => {
    expect((await user.send('GET', '/servers?limit=0')).body).toEqual({ servers: [] });
    expect((await user.send('GET', `/servers?limit=${'9'.repeat(400)}`)).body).toMatchObject({ servers: [{}, {}, {}] });
  });

  test.each(['', '&sort_key=display_name&sort_dir=desc'])('go on after a server that was deleted meanwhile %s', async (order) => {
    const owner = await cloud.newUser();
    for (const name of ['a', 'b', 'c']) await owner.settled(await owner.boot({ name }));
    const { body } = await owner.send<Page>('GET', `/servers/detail?limit=2&status=ACTIVE${order}`);
    expect(body.servers.map(({ name }) => name)).toEqual(['c', 'b']);
    await owner.send('DELETE', `/servers/${body.servers[1]?.id}`);
    expect(await list(owner, `limit=2&status=ACTIVE&marker=${body.servers[1]?.id}${order}`)).toEqual(['a']);
  });
});

describe('all projects', () => {
  test('are listed to an admin who asks', async () => {
    const other = await cloud.newUser();
    const id = await other.boot({ name: 'of another' });
    await other.settled(id);
    const root = await cloud.newUser('admin');
    expect(await list(root, '')).toEqual([]);
    const all = await list(root, 'all_tenants=1');
    expect(all).toContain('of another');
    expect(all).toEqual(expect.arrayContaining(['alpha', 'beta', 'gamma']));
    expect(await list(root, `all_tenants&tenant_id=${other.projectId}`)).toEqual(['of another']);
    expect(await list(root, `all_tenants=true&project_id=${other.projectId}`)).toEqual(['of another']);
    expect(await list(root, `tenant_id=${other.projectId}`)).toEqual([]);
    expect(await list(root, `all_tenants=False`)).toEqual([]);
  });
});
