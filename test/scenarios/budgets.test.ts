/** The budgets of the design: calls of the Data API, and how many of them one waits for. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { changeFlavor } from '../../database/api/flavors.ts';
import { type Call, depth } from '../../local/aws/data-api/calls.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../fixtures/cloud.ts';

const image = 'c1220500-0000-4000-8000-000000000001';

let cloud: Cloud;
let user: User;
let tooLarge: string;
beforeAll(async () => {
  cloud = await startCloud();
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
});
afterAll(() => cloud?.stop());

beforeEach(async () => {
  user = await cloud.newUser();
});
afterEach(async () => {
  cloud.service.dataApi.faults.clear();
  await cloud.service.workflow.drain();
});

/** Counts the calls of a piece of work; all calls wait a little, so that what runs at the same time is seen to. */
async function counted(work: () => Promise<unknown>): Promise<{ calls: readonly Call[]; inSequence: number }> {
  await cloud.service.workflow.drain();
  const { calls, faults } = cloud.service.dataApi;
  const slow = faults.add({ kind: 'slow', milliseconds: 30 });
  const mark = calls.mark();
  await work();
  slow.lift();
  const made = calls.since(mark);
  expect(made.filter(({ error }) => error !== undefined)).toEqual([]);
  return { calls: made, inSequence: depth(made) };
}

/** Sends a request and counts its own calls; the boot that it starts waits until they are counted. */
async function requestCost(method: string, path: string, body?: object): Promise<[calls: number, inSequence: number]> {
  const pause = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 300, sql: isOfBoot });
  const { calls } = await counted(async () => {
    const { status } = await user.send(method, path, body ? { body } : {});
    expect(status).toBeLessThan(300);
  });
  pause.lift();
  const own = calls.filter(({ sql }) => !isOfBoot(sql));
  return [own.length, depth(own)];
}

function isOfBoot(sql: string): boolean {
  return (
    ['as state', 'waiting as', "'mappedTo'", 'insert into instances'].some((part) => sql.includes(part)) && !sql.includes('quota_usages')
  );
}

function boot(fields: object = {}): object {
  return { server: { name: 'n', imageRef: image, flavorRef: '1', networks: 'none', ...fields } };
}

describe('POST /servers takes 2 calls, 2 in sequence', () => {
  test.each([1, 2, 10])('for %i servers', async (count) => {
    expect(await requestCost('POST', '/servers', boot({ min_count: count, max_count: count }))).toEqual([2, 2]);
  });

  test('with all that a server may carry', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`key ${index}`, 'v'.repeat(255)]));
    const tags = Array.from({ length: 50 }, (_, index) => `tag ${index}`);
    expect(await requestCost('POST', '/servers', boot({ metadata, tags, user_data: 'A'.repeat(60_000) }))).toEqual([2, 2]);
  });
});

describe('GET /servers/{id}', () => {
  test.each(['on a host', 'in cell0'])('takes 2 calls, 2 in sequence, %s', async (where) => {
    const id = await user.boot(where === 'in cell0' ? { flavorRef: tooLarge } : {});
    await cloud.service.workflow.drain();
    expect(await requestCost('GET', `/servers/${id}`)).toEqual([2, 2]);
    expect(await requestCost('GET', `/servers/${id}`), 'again').toEqual(where === 'in cell0' ? [2, 2] : [1, 1]);
  });

  test('takes 1 call while it is being built', async () => {
    const pause = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 500, sql: isOfBoot });
    const id = await user.boot();
    const mark = cloud.service.dataApi.calls.mark();
    const { body } = await user.send<{ server: ServerBody }>('GET', `/servers/${id}`);
    const calls = cloud.service.dataApi.calls.since(mark).filter(({ sql }) => !isOfBoot(sql));
    expect([body.server.status, calls.length]).toEqual(['BUILD', 1]);
    pause.lift();
  });

  test('takes 1 call for a server that is not there, and none for what is no id', async () => {
    const { calls } = cloud.service.dataApi;
    const mark = calls.mark();
    await user.send('GET', '/servers/00000000-0000-4000-8000-000000000000');
    expect(calls.since(mark)).toHaveLength(1);
    await user.send('GET', '/servers/name');
    expect(calls.since(mark)).toHaveLength(1);
  });
});

describe('a list takes 1 call and one for each cell on the page, 2 in sequence', () => {
  /** Boots until the project has servers in all three cells, and returns the cells of the newest in order. */
  async function fill(): Promise<void> {
    const ids = await Promise.all([user.boot({ flavorRef: tooLarge }), user.boot({ min_count: 4, max_count: 4 })]);
    for (const id of ids) await user.settled(id);
    await cloud.service.workflow.drain();
  }

  async function listCost(path: string) {
    const { calls, inSequence } = await counted(async () => {
      expect((await user.send('GET', path)).status).toBe(200);
    });
    return { clusters: calls.map(({ cluster }) => cluster).sort(), inSequence };
  }

  test.each(['/servers', '/servers/detail', '/servers/detail?deleted=False', '/servers/detail?name=n', '/servers?sort_key=display_name'])(
    '%s',
    async (path) => {
      await fill();
      const { clusters, inSequence } = await listCost(path);
      expect(clusters.slice(0, 2)).toEqual(['api', 'cell0']);
      expect(clusters.length).toBe(new Set(clusters).size);
      expect(clusters.length).toBeGreaterThanOrEqual(3);
      expect(inSequence).toBe(2);
    },
  );

  test('a page in one cell', async () => {
    await user.settled(await user.boot({ flavorRef: tooLarge }));
    expect(await listCost('/servers/detail?limit=1')).toEqual({ clusters: ['api', 'cell0'], inSequence: 2 });
  });

  test('a page of nothing', async () => {
    expect(await listCost('/servers/detail')).toEqual({ clusters: ['api'], inSequence: 1 });
    expect(await listCost('/servers/detail?limit=0')).toEqual({ clusters: [], inSequence: 0 });
  });

  test('a page of a hundred', async () => {
    const admin = await cloud.newUser('admin');
    for (let batch = 0; batch < 10; batch++) {
      const other = await cloud.newUser();
      await other.boot({ flavorRef: tooLarge, min_count: 10, max_count: 10 });
    }
    await cloud.service.workflow.drain();
    user = admin;
    const { clusters, inSequence } = await listCost('/servers/detail?all_tenants=1&limit=100');
    expect([clusters, inSequence]).toEqual([['api', 'cell0'], 2]);
  });
});

describe('PUT takes 2 calls, 2 in sequence', () => {
  test.each(['on a host', 'in cell0'])('of a server %s', async (where) => {
    const id = await user.boot(where === 'in cell0' ? { flavorRef: tooLarge } : {});
    await user.settled(id);
    expect(await requestCost('PUT', `/servers/${id}`, { server: { name: 'other', description: 'd' } })).toEqual([2, 2]);
  });

  test('of a server that is being built', async () => {
    const pause = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 500, sql: isOfBoot });
    const id = await user.boot();
    const mark = cloud.service.dataApi.calls.mark();
    const { body } = await user.send<{ server: ServerBody }>('PUT', `/servers/${id}`, { body: { server: { name: 'other' } } });
    const calls = cloud.service.dataApi.calls.since(mark).filter(({ sql }) => !isOfBoot(sql));
    expect([body.server.status, body.server.name, calls.length]).toEqual(['BUILD', 'other', 2]);
    pause.lift();
    expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE', name: 'other' });
  });
});

test.each<[string, string, object?]>([
  ['POST', '/metadata', { metadata: { other: 'x' } }],
  ['PUT', '/metadata', { metadata: { other: 'x' } }],
  ['PUT', '/metadata/role', { meta: { role: 'db' } }],
  ['DELETE', '/metadata/role'],
  ['PUT', '/tags', { tags: ['red', 'green'] }],
  ['PUT', '/tags/red'],
  ['DELETE', '/tags'],
  ['DELETE', '/tags/blue'],
])('%s /servers/{id}%s takes 2 calls, 2 in sequence', async (method, path, body) => {
  const id = await user.boot({ metadata: { role: 'web' }, tags: ['blue'] });
  await user.settled(id);
  expect(await requestCost(method, `/servers/${id}${path}`, body)).toEqual([2, 2]);
});

test.each([
  ['os-stop', { 'os-stop': null }, 3],
  ['reboot', { reboot: { type: 'SOFT' } }, 3],
  ['changePassword', { changePassword: { adminPass: 'x' } }, 3],
  ['createImage', { createImage: { name: 'image' } }, 4],
  ['createBackup', { createBackup: { name: 'backup', backup_type: 'daily', rotation: 1 } }, 4],
  ['lock', { lock: null }, 2],
  ['os-getConsoleOutput', { 'os-getConsoleOutput': {} }, 2],
])('the action %s takes 2 calls, and one for its end where it has one; an image, one more', async (_, body, calls) => {
  const id = await user.boot();
  await user.settled(id);
  expect(await requestCost('POST', `/servers/${id}/action`, body)).toEqual([calls, calls]);
});

test('a delete that can be undone takes 4 calls, and a restore 3, with their ends', async () => {
  const id = await user.boot();
  await user.settled(id);
  vi.stubEnv('SETTINGS', '{"reclaim_instance_interval":3600}');
  expect(await requestCost('DELETE', `/servers/${id}`)).toEqual([4, 4]);
  expect(await requestCost('POST', `/servers/${id}/action`, { restore: null })).toEqual([3, 3]);
  vi.unstubAllEnvs();
});

test.each([
  ['its own image', () => image, [3, 3]],
  ['another image, which the request spec gets while the host is asked', () => cloud.newImage(), [4, 3]],
])('a rebuild with %s takes 2 calls, and its end', async (_, imageRef, calls) => {
  const id = await user.boot();
  await user.settled(id);
  expect(await requestCost('POST', `/servers/${id}/action`, { rebuild: { imageRef: await imageRef() } })).toEqual(calls);
});

test('a resize takes 8 calls, a confirmation of it 6, and a return 7', async () => {
  const id = await user.boot();
  await user.settled(id);
  const cost = async (body: object) => {
    const { calls, inSequence } = await counted(() => user.send('POST', `/servers/${id}/action`, { body }));
    return [calls.length, inSequence];
  };
  expect(await cost({ resize: { flavorRef: '2' } })).toEqual([8, 8]);
  expect(await cost({ confirmResize: null })).toEqual([6, 6]);
  expect(await cost({ resize: { flavorRef: '3' } })).toEqual([8, 8]);
  expect(await cost({ revertResize: null })).toEqual([7, 7]);
});

describe('DELETE takes 3 calls, 3 in sequence', () => {
  test('of a server in cell0', async () => {
    const id = await user.boot({ flavorRef: tooLarge });
    await user.settled(id);
    expect(await requestCost('DELETE', `/servers/${id}`)).toEqual([3, 3]);
  });

  test('and 2 of a server that is being built', async () => {
    const pause = cloud.service.dataApi.faults.add({ kind: 'slow', milliseconds: 500, sql: isOfBoot });
    const id = await user.boot();
    const mark = cloud.service.dataApi.calls.mark();
    expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
    const calls = cloud.service.dataApi.calls.since(mark).filter(({ sql }) => !isOfBoot(sql));
    expect([calls.length, depth(calls)]).toEqual([2, 2]);
    pause.lift();
  });
});

/** What a host reports on the way is beside the budget. */
const isProgress = (sql: string) => sql.includes('task_state = :step');

/** Calls of all steps of a boot, without the two of its POST. */
async function bootCost(fields: object): Promise<[calls: number, inSequence: number, progress: number]> {
  let post = 0;
  const { calls } = await counted(async () => {
    const mark = cloud.service.dataApi.calls.mark();
    await user.send('POST', '/servers', { body: boot(fields) });
    post = mark + 2;
    await cloud.service.workflow.drain();
    await expect.poll(() => cloud.service.reports.nextAt(), { timeout: 5_000 }).toBeUndefined();
  });
  const afterPost = calls.filter(({ sequence }) => sequence > post);
  const steps = afterPost.filter(({ sql }) => !isProgress(sql));
  return [steps.length, depth(steps), afterPost.length - steps.length];
}

describe('the steps of a boot', () => {
  test('of one server to ACTIVE take 6 calls', async () => {
    expect(await bootCost({})).toEqual([6, 6, 0]);
  });

  describe('on hosts that report later', () => {
    beforeEach(() => {
      process.env.SIMULATION = JSON.stringify({ reportAfter: 1 });
    });
    afterEach(() => {
      delete process.env.SIMULATION;
    });

    test('of one server to ACTIVE take 7 calls, and one for each second in which its host reports a step', async () => {
      expect(await bootCost({})).toEqual([7, 7, 1]);
    });

    test('a delete takes 3 calls before its answer, and its report 2', async () => {
      const id = await user.boot();
      await user.settled(id);
      expect(await requestCost('DELETE', `/servers/${id}`)).toEqual([3, 3]);
      const { calls } = await counted(() => expect.poll(() => cloud.service.reports.nextAt(), { timeout: 5_000 }).toBeUndefined());
      expect(calls).toHaveLength(2);
    });
  });

  test('of one server to ERROR in cell0 take 4 calls', async () => {
    expect(await bootCost({ flavorRef: tooLarge })).toEqual([4, 4, 0]);
  });

  test('of one server that no kind of host suits take a second look, and 5 calls', async () => {
    const flavorRef = await cloud.newFlavor({});
    await changeFlavor(cloud.service.api, flavorRef, { specs: { 'trait:CUSTOM_NOWHERE': 'required' } });
    expect(await bootCost({ flavorRef })).toEqual([5, 5, 0]);
  });

  test('of ten servers to ERROR in cell0 take 4 calls too', async () => {
    expect(await bootCost({ flavorRef: tooLarge, min_count: 10, max_count: 10 })).toEqual([4, 4, 0]);
  });
});
