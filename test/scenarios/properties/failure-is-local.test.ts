/** Property 10: a cell that is silent, closed or asleep delays its own servers only, and nobody waits past the time that the function has. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { rememberCell } from '../../../compute/servers/known-cells.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../fixtures/cloud.ts';
import { comeToRest, reapNow } from '../../fixtures/rest.ts';

let cloud: Cloud;
let user: User;
/** A server of each cell. */
const servers: Record<string, string> = {};
const cellOf = new Map<string, string>();
let inCell1 = 0;
beforeAll(async () => {
  cloud = await startCloud({ retryAfter: 1 });
  user = await cloud.newUser();
  const admin = await cloud.newUser('admin');
  const { body } = await user.send<{ server: ServerBody }>('POST', '/servers', { body: twoServers });
  await comeToRest(cloud.service);
  expect(body.server.id).toBeDefined();
  const list = await admin.send<{ servers: ServerBody[] }>('GET', '/servers/detail?all_tenants=1');
  for (const { id, 'OS-EXT-SRV-ATTR:host': host } of list.body.servers) {
    const cell = String(host).slice(0, 5);
    cellOf.set(id, cell);
    servers[cell] ??= id;
    if (cell === 'cell1') inCell1 += 1;
  }
  expect(cellOf.size).toBe(6);
  expect(Object.keys(servers).toSorted()).toEqual(['cell1', 'cell2']);
});
afterAll(() => cloud?.stop());
afterEach(async () => {
  cloud.service.functions.time = undefined;
  cloud.service.dataApi.faults.clear();
  await comeToRest(cloud.service);
});

const twoServers = {
  server: { name: 's', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none', min_count: 6, max_count: 6 },
};

/** The whole of an invocation's time, of which the last two seconds are kept for the answer. */
const time = 3_500;

interface List {
  servers: ServerBody[];
  servers_links?: { href: string }[];
}

async function listed(who: User, microversion: number): Promise<[string, string][]> {
  const { status, body } = await who.send<List>('GET', '/servers/detail', { microversion });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.servers.map(({ id, status }) => [id, status]);
}

async function timed<Reply>(request: () => Promise<Reply>): Promise<{ reply: Reply; waited: number }> {
  cloud.service.functions.time = time;
  const start = performance.now();
  const reply = await request();
  return { reply, waited: performance.now() - start };
}

test('a silent cell holds a server that is asked for no longer than the function lasts', async () => {
  cloud.service.dataApi.faults.add({ kind: 'hangs', cluster: 'cell1' });
  const recent = await timed(() => user.send<{ server: ServerBody }>('GET', `/servers/${servers.cell1}`));
  expect(recent.reply).toMatchObject({ status: 200, body: { server: { id: servers.cell1, status: 'UNKNOWN' } } });
  expect(recent.waited).toBeLessThan(time - 1_000);
  const old = await timed(() => user.send('GET', `/servers/${servers.cell1}`, { microversion: 68 }));
  expect(old.reply).toMatchObject({ status: 503, body: { serviceUnavailable: { code: 503 } } });
  expect(old.reply.headers.get('retry-after')).toBe('20');
  expect(old.reply.headers.get('x-openstack-request-id')).toMatch(/^req-/);
  expect(old.waited).toBeLessThan(time - 1_000);
});

test('a silent cell holds a delete no longer than the function lasts', async () => {
  cloud.service.dataApi.faults.add({ kind: 'hangs', cluster: 'cell1' });
  const { reply, waited } = await timed(() => user.send('DELETE', `/servers/${servers.cell1}`));
  expect(reply.status).toBe(503);
  expect(waited).toBeLessThan(time - 1_000);
  cloud.service.dataApi.faults.clear();
  await comeToRest(cloud.service);
  expect((await user.send<{ server: ServerBody }>('GET', `/servers/${servers.cell1}`)).body.server.status).toBe('ACTIVE');
});

test('a silent cell costs a listing 8 s, and its servers are shown as UNKNOWN, or left out before 2.69', { timeout: 40_000 }, async () => {
  cloud.service.dataApi.faults.add({ kind: 'hangs', cluster: 'cell1' });
  const mark = cloud.service.dataApi.calls.mark();
  const start = performance.now();
  const [recent, old] = await Promise.all([listed(user, 100), listed(user, 68)]);
  const waited = performance.now() - start;
  expect(waited).toBeGreaterThan(7_900);
  expect(waited).toBeLessThan(10_000);
  expect(recent.map(([, status]) => status).toSorted()).toEqual(
    [...Array(inCell1).fill('UNKNOWN'), ...Array(6 - inCell1).fill('ACTIVE')].toSorted(),
  );
  expect(old.map(([, status]) => status)).toEqual(Array(6 - inCell1).fill('ACTIVE'));
  const calls = cloud.service.dataApi.calls.since(mark);
  expect(calls.filter(({ cluster }) => cluster === 'cell1')).toHaveLength(2);
});

test('a cell that hangs has no more of a listing than the function lasts', async () => {
  cloud.service.dataApi.faults.add({ kind: 'hangs', cluster: 'cell1' });
  const { reply, waited } = await timed(() => listed(user, 100));
  expect(reply).toHaveLength(6);
  expect(waited).toBeLessThan(time - 1_000);
});

test.each([
  ...(['AccessDeniedException', 'DatabaseNotFoundException', 'InvalidResourceStateException', 'SecretsErrorException'] as const),
  ...(['HttpEndpointNotEnabledException', 'ForbiddenException', 'NotFoundException', 'InvalidSecretException'] as const),
  ...(['DatabaseUnavailableException', 'InternalServerErrorException', 'BadRequestException'] as const),
])('a cell that answers %s is asked once and hides its own servers only', async (error) => {
  const fault = cloud.service.dataApi.faults.add({ kind: 'before', error, cluster: 'cell1' });
  const unknown = (await listed(user, 100)).filter(([, status]) => status === 'UNKNOWN');
  expect(unknown).toHaveLength(inCell1);
  expect(fault.hits).toBe(1);
  expect(await reapNow(cloud.service)).toMatchObject({ restarted: 0 });
});

test('a cell that is not migrated yet hides its own servers only', async () => {
  await query(cloud.database('cell1'), 'alter table tags rename to labels');
  try {
    expect((await listed(user, 100)).filter(([, status]) => status === 'UNKNOWN')).toHaveLength(inCell1);
  } finally {
    await query(cloud.database('cell1'), 'alter table labels rename to tags');
  }
});

test('a cell that sleeps is waited for, and no server vanishes from a list', async () => {
  for (const cluster of ['api', 'cell1', 'cell2']) cloud.service.dataApi.faults.add({ kind: 'paused', milliseconds: 800, cluster });
  expect((await listed(user, 68)).map(([, status]) => status)).toEqual(Array(6).fill('ACTIVE'));
});

describe('the reaper sees to every other cell', () => {
  const left = () =>
    query<{ name: string }>(
      cloud.service.api,
      'select name from pending_cleanups join cell_mappings on cell_mappings.id = pending_cleanups.cell_id order by name',
    );

  /** A delete that found its cell down is noted and goes no further. */
  async function beginDeletes(): Promise<void> {
    const down = ['cell1', 'cell2'].map((cluster) => cloud.service.dataApi.faults.add({ kind: 'down', cluster }));
    for (const id of [servers.cell1, servers.cell2]) expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(503);
    for (const fault of down) fault.lift();
    expect((await left()).map(({ name }) => name)).toEqual(['cell1', 'cell2']);
  }

  test('when one is closed to it', async () => {
    await beginDeletes();
    cloud.service.dataApi.faults.add({ kind: 'before', error: 'AccessDeniedException', cluster: 'cell1' });
    expect(await reapNow(cloud.service)).toMatchObject({ unreachable: ['cell1'] });
    expect((await left()).map(({ name }) => name)).toEqual(['cell1']);
  });

  test('when there is a fault of ours in one, which it reports in the end', async () => {
    await beginDeletes();
    await query(
      cloud.database('api'),
      `do $$ begin
         create function refuse() returns trigger language plpgsql as 'begin raise exception ''a fault of ours''; end';
         execute format('create trigger refuse before delete on pending_cleanups for each row when (old.cell_id = %s) execute function refuse()',
           (select id from cell_mappings where name = 'cell1'));
       end $$`,
    );
    try {
      await expect(reapNow(cloud.service)).rejects.toThrow('a fault of ours');
      expect((await left()).map(({ name }) => name)).toEqual(['cell1']);
    } finally {
      await query(cloud.database('api'), 'drop function refuse cascade');
    }
  });
});

describe('a page is filled', () => {
  /** Servers by page, as a client reads them that goes on while a page has servers. */
  async function pages(limit: number, filter = ''): Promise<string[][]> {
    const all: string[][] = [];
    for (let path: string | undefined = `/servers?limit=${limit}${filter}`; path; ) {
      const { body }: { body: List } = await user.send<List>('GET', path, { microversion: 68 });
      all.push(body.servers.map(({ id }) => id));
      if (body.servers.length === 0) break;
      path = body.servers_links?.[0]?.href.split('/v2.1')[1];
    }
    return all;
  }

  test.each(['', '&status=ACTIVE', '&sort_key=display_name'])('with what is left when a cell is down %s', async (filter) => {
    const all = (await pages(10, filter)).flat();
    for (const cell of ['cell1', 'cell2']) {
      cloud.service.dataApi.faults.add({ kind: 'down', cluster: cell });
      const alive = all.filter((id) => cellOf.get(id) !== cell);
      for (const limit of [1, 2, 4]) {
        const found = await pages(limit, filter);
        expect(found.flat()).toEqual(alive);
        expect(found.slice(0, -1).every((page) => page.length === limit)).toBe(true);
      }
      cloud.service.dataApi.faults.clear();
    }
  });

  test('with what is left when rows are gone from a cell that the index still has', async () => {
    const all = (await pages(10)).flat();
    const gone = all.slice(0, 4);
    const mark = async (deleted: string) => {
      for (const cell of ['cell1', 'cell2']) {
        await query(
          cloud.database(cell),
          `update instances set deleted = ${deleted} where uuid in (select jsonb_array_elements_text(:gone::jsonb)::uuid)`,
          { gone },
        );
      }
    };
    await mark('id');
    try {
      expect(await pages(1)).toEqual([...all.slice(4).map((id) => [id]), []]);
      expect(await pages(2)).toEqual([all.slice(4), []]);
      expect((await pages(3))[0]).toEqual(all.slice(4));
    } finally {
      await mark('0');
    }
  });

  test('with one more look at the index, however many servers the cell that is down has', async () => {
    const { api } = cloud.service;
    await query(
      api,
      `insert into instance_mappings (instance_uuid, project_id, user_id, cell_id)
       select gen_random_uuid(), :project, 'of many', id from cell_mappings cross join generate_series(1, 300) where name = 'cell1'`,
      { project: user.projectId },
    );
    try {
      cloud.service.dataApi.faults.add({ kind: 'down', cluster: 'cell1' });
      const mark = cloud.service.dataApi.calls.mark();
      const { body } = await user.send<List>('GET', '/servers?limit=2', { microversion: 68 });
      expect(body.servers).toHaveLength(2);
      expect(cloud.service.dataApi.calls.since(mark).map(({ cluster }) => cluster)).toEqual(['api', 'cell1', 'api', 'cell2']);
    } finally {
      await query(api, `delete from instance_mappings where user_id = 'of many'`);
    }
  });

  test('without a call more than before when nothing is wrong', async () => {
    const mark = cloud.service.dataApi.calls.mark();
    await user.send('GET', '/servers?limit=6');
    expect(cloud.service.dataApi.calls.since(mark)).toHaveLength(3);
  });
});

test('the api database and a cell that wake up one after the other take no longer than the function lasts', async () => {
  // As by a function that has not seen it.
  rememberCell(servers.cell1 ?? '', undefined);
  for (const cluster of ['api', 'cell1']) cloud.service.dataApi.faults.add({ kind: 'paused', milliseconds: 1_000, cluster });
  const { reply, waited } = await timed(() => user.send<{ server: ServerBody }>('GET', `/servers/${servers.cell1}`));
  expect(reply).toMatchObject({ status: 200, body: { server: { status: 'UNKNOWN' } } });
  expect(waited).toBeLessThan(time - 1_000);
  cloud.service.functions.time = undefined;
  expect((await user.send<{ server: ServerBody }>('GET', `/servers/${servers.cell1}`)).body.server.status).toBe('ACTIVE');
});

test('a boot whose cell falls silent ends in another cell', async () => {
  cloud.service.functions.time = 2_600;
  cloud.service.dataApi.faults.add({ kind: 'hangs', cluster: 'cell1' });
  const ids = await Promise.all([user.boot(), user.boot(), user.boot()]);
  await cloud.service.workflow.drain();
  cloud.service.functions.time = undefined;
  cloud.service.dataApi.faults.clear();
  for (const id of ids) expect((await user.settled(id)).status).toBe('ACTIVE');
});
