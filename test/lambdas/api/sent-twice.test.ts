/** A statement whose answer is lost is sent again. A client that changes something by it gets what the first sending did, not what the second one finds. */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { changeFlavor } from '../../../compute/flavors/flavors.ts';
import { addHosts, drainHost, enableHost } from '../../../compute/hosts/hosts.ts';
import { ensureImage } from '../../../database/api/images.ts';
import { createProject } from '../../../identity/projects.ts';
import { createUser, deleteUser, setPassword, setUserEnabled } from '../../../identity/users.ts';
import { cirros } from '../../../image/cirros.ts';
import { changeImage, createImage, deleteImage } from '../../../image/images.ts';
import type { FaultEffect } from '../../../local/aws/data-api/faults.ts';
import { type Cloud, startCloud, type User } from '../../fixtures/cloud.ts';
import { softDelete } from '../../fixtures/soft-delete.ts';
import { keyOf, routedServices, routesOf } from './routes.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 32 });
});
afterAll(() => cloud?.stop());
afterEach(async () => {
  cloud.service.dataApi.faults.clear();
  await cloud.service.workflow.drain();
});

const word = () => randomBytes(6).toString('hex');
const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID+2Xa66O2MvvRhVh5BBtqfFz3h+6rgSKNo7MTzuvt56';

/** A change that is ready to be made: what it is sent to, and what its answer is. */
interface Change {
  who: User;
  path: string;
  body?: object;
  status: number;
  /** The status of the same request once more; one that deletes finds nothing by default. */
  again?: number;
  /** Of an action: whether its 202 has a body. */
  answers?: true;
}

/** Adds a key pair, a server group or a flavor, which the change is about. */
async function existing(who: User, path: string, body: object): Promise<void> {
  expect((await who.send('POST', path, { body })).status).toBeLessThan(300);
}

async function limited(name: string, limit: number): Promise<User> {
  const admin = await cloud.newUser('admin');
  await admin.send('PUT', `/os-quota-sets/${admin.projectId}`, { body: { quota_set: { [name]: limit } } });
  return admin;
}

const tiny = { name: 'server', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' };

/** A server that runs, and whose it is. */
async function booted(owner?: User): Promise<{ who: User; path: string }> {
  const who = owner ?? (await cloud.newUser());
  const id = await who.boot({ metadata: { role: 'web' }, tags: ['blue'] });
  await who.settled(id);
  return { who, path: `/servers/${id}` };
}

/** Actions of a living server, with their bodies, their status if it is not 202, what must be done before, and whether a 202 has a body. */
const actions: Readonly<Record<string, { body: object; status?: number; before?: object | 'delete'; answers?: true }>> = {
  'os-stop': { body: { 'os-stop': null } },
  'os-start': { body: { 'os-start': null }, before: { 'os-stop': null } },
  reboot: { body: { reboot: { type: 'HARD' } } },
  pause: { body: { pause: null } },
  unpause: { body: { unpause: null }, before: { pause: null } },
  suspend: { body: { suspend: null } },
  resume: { body: { resume: null }, before: { suspend: null } },
  rebuild: { body: { rebuild: { imageRef: tiny.imageRef, name: 'other', metadata: { other: 'x' } } }, answers: true },
  resize: { body: { resize: { flavorRef: '2' } } },
  confirmResize: { body: { confirmResize: null }, status: 204, before: { resize: { flavorRef: '2' } } },
  revertResize: { body: { revertResize: null }, before: { resize: { flavorRef: '2' } } },
  migrate: { body: { migrate: null } },
  rescue: { body: { rescue: null }, status: 200 },
  unrescue: { body: { unrescue: null }, before: { rescue: null } },
  restore: { body: { restore: null }, before: 'delete' },
  trigger_crash_dump: { body: { trigger_crash_dump: null } },
  createImage: { body: { createImage: { name: 'image' } }, answers: true },
  createBackup: { body: { createBackup: { name: 'backup', backup_type: 'daily', rotation: 1 } }, answers: true },
  changePassword: { body: { changePassword: { adminPass: 'x' } } },
  lock: { body: { lock: { locked_reason: 'x' } } },
  unlock: { body: { unlock: null }, before: { lock: null } },
  'os-resetState': { body: { 'os-resetState': { state: 'error' } } },
};

async function actionOf({ body, status = 202, before, answers }: (typeof actions)[string]): Promise<Change> {
  const { who, path: server } = await booted(await cloud.newUser('admin'));
  const path = `${server}/action`;
  if (before === 'delete') await softDelete(who, server);
  else if (before) expect((await who.send('POST', path, { body: before })).status).toBeLessThan(300);
  return { who, path, body, status, ...(answers && { answers }) };
}

/** A change for each route that makes one; the answer must not depend on what a sending before it left. */
const changes: Readonly<Record<string, () => Promise<Change>>> = {
  'POST /servers': async () => ({ who: await limited('instances', 1), path: '/servers', body: { server: tiny }, status: 202, again: 403 }),
  'PUT /servers/{id}': async () => {
    const { who, path } = await booted();
    return { who, path, body: { server: { name: 'other' } }, status: 200 };
  },
  'DELETE /servers/{id}': async () => ({ ...(await booted()), status: 204 }),
  'POST /servers/{id}/action forceDelete': async () => {
    const { who, path } = await booted();
    return { who, path: `${path}/action`, body: { forceDelete: null }, status: 202 };
  },
  ...Object.fromEntries(Object.entries(actions).map(([name, action]) => [`POST /servers/{id}/action ${name}`, () => actionOf(action)])),
  'POST /servers/{id}/metadata': async () => {
    const { who, path } = await booted(await limited('metadata_items', 2));
    return { who, path: `${path}/metadata`, body: { metadata: { other: 'x' } }, status: 200 };
  },
  'PUT /servers/{id}/metadata': async () => {
    const { who, path } = await booted();
    return { who, path: `${path}/metadata`, body: { metadata: { other: 'x' } }, status: 200 };
  },
  'PUT /servers/{id}/metadata/{item}': async () => {
    const { who, path } = await booted();
    return { who, path: `${path}/metadata/role`, body: { meta: { role: 'db' } }, status: 200 };
  },
  'DELETE /servers/{id}/metadata/{item}': async () => {
    const { who, path } = await booted();
    return { who, path: `${path}/metadata/role`, status: 204 };
  },
  'PUT /servers/{id}/tags': async () => {
    const { who, path } = await booted();
    return { who, path: `${path}/tags`, body: { tags: ['red'] }, status: 200 };
  },
  'PUT /servers/{id}/tags/{item}': async () => {
    const { who, path } = await booted();
    return { who, path: `${path}/tags/red`, status: 201, again: 204 };
  },
  'DELETE /servers/{id}/tags': async () => {
    const { who, path } = await booted();
    return { who, path: `${path}/tags`, status: 204, again: 204 };
  },
  'DELETE /servers/{id}/tags/{item}': async () => {
    const { who, path } = await booted();
    return { who, path: `${path}/tags/blue`, status: 204 };
  },
  'POST /flavors': async () => {
    const flavor = { name: word(), id: word(), ram: 1, vcpus: 1, disk: 1 };
    return { who: await cloud.newUser('admin'), path: '/flavors', body: { flavor }, status: 200, again: 409 };
  },
  'DELETE /flavors/{id}': async () => ({ who: await cloud.newUser('admin'), path: `/flavors/${await cloud.newFlavor({})}`, status: 202 }),
  'POST /os-keypairs': async () => {
    const body = { keypair: { name: 'mine', public_key: publicKey } };
    return { who: await limited('key_pairs', 1), path: '/os-keypairs', body, status: 201, again: 403 };
  },
  'DELETE /os-keypairs/{name}': async () => {
    const who = await cloud.newUser();
    await existing(who, '/os-keypairs', { keypair: { name: 'mine', public_key: publicKey } });
    return { who, path: '/os-keypairs/mine', status: 204 };
  },
  'POST /os-server-groups': async () => {
    const body = { server_group: { name: 'group', policy: 'affinity' } };
    return { who: await limited('server_groups', 1), path: '/os-server-groups', body, status: 200, again: 403 };
  },
  'DELETE /os-server-groups/{id}': async () => {
    const who = await cloud.newUser();
    const body = { server_group: { name: 'group', policy: 'affinity' } };
    const made = await who.send<{ server_group: { id: string } }>('POST', '/os-server-groups', { body });
    return { who, path: `/os-server-groups/${made.body.server_group.id}`, status: 204 };
  },
  'PUT /os-quota-sets/{id}': async () => {
    const who = await cloud.newUser('admin');
    return { who, path: `/os-quota-sets/${who.projectId}`, body: { quota_set: { cores: 3 } }, status: 200 };
  },
  'DELETE /v2/images/{id}': async () => {
    const who = await cloud.newUser();
    const id = randomUUID();
    await ensureImage(cloud.service.api, { ...cirros(who.projectId), id, visibility: 'private' });
    return { who, path: `/../image/v2/images/${id}`, status: 204 };
  },
  'DELETE /os-quota-sets/{id}': async () => {
    const who = await limited('cores', 3);
    return { who, path: `/os-quota-sets/${who.projectId}`, status: 202 };
  },
};

/** Routes that change nothing in a database: a token is signed and kept nowhere, and no server has a password to clear. */
const withoutWrite = [
  ...['POST /v3/auth/tokens', 'DELETE /servers/{id}/os-server-password'],
  ...['POST /servers/{id}/action os-getConsoleOutput', 'POST /servers/{id}/action injectNetworkInfo'],
];

const losses: readonly FaultEffect[] = [{ kind: 'after' }, { kind: 'after', error: 'InternalServerErrorException' }];

/**
 * Does something again and again, each time with the answer of its next statement lost, in every way, until it has no more statements. What it returns is
 * asked when nothing is lost any more.
 */
async function losingEach(run: () => Promise<() => Promise<(() => Promise<void>) | undefined>>): Promise<number> {
  for (let nth = 1; ; nth++) {
    for (const loss of losses) {
      const act = await run();
      await cloud.service.workflow.drain();
      // What the reaper and the boot workflow ask for is not what the request asks for.
      const lost = cloud.service.dataApi.faults.add({ ...loss, nth, sql: (sql) => !sql.includes('waiting as') });
      const check = await act();
      lost.lift();
      await check?.();
      if (lost.hits === 0) return nth - 1;
    }
  }
}

test('every route that changes something is here', () => {
  const routes = routedServices.flatMap(routesOf).filter(({ refusal }) => refusal === undefined);
  const changing = routes.filter(({ method }) => !['GET', 'HEAD'].includes(method)).map(keyOf);
  expect(changing.toSorted()).toEqual([...Object.keys(changes), ...withoutWrite].toSorted());
});

describe('with the answer of any of its statements lost, the client gets what was done', () => {
  test.each(Object.entries(changes))('%s', { timeout: 120_000 }, async (route, prepare) => {
    const [method = ''] = route.split(' ');
    const deletes = method === 'DELETE' || route.endsWith('forceDelete');
    const statements = await losingEach(async () => {
      const { who, path, body, status, answers, again = deletes && !route.includes('quota') ? 404 : undefined } = await prepare();
      return async () => {
        const reply = await who.send(method, path, body ? { body } : {});
        const acts = route.includes('/action ') && !deletes;
        const empty = deletes || !body || (acts && status !== 200 && !answers);
        expect([reply.status, reply.body]).toEqual([status, empty ? undefined : expect.any(Object)]);
        // Where the limit is 1 or the name is taken, what is there counts once and is not reported twice.
        if (again) expect((await who.send(method, path, body ? { body } : {})).status).toBe(again);
        return acts ? () => expectOnRecord(who, path) : undefined;
      };
    });
    expect(statements).toBeGreaterThan(0);
  });
});

/** What was asked for is done, and stands once among the server's actions. */
async function expectOnRecord(who: User, path: string): Promise<void> {
  const server = path.replace('/action', '');
  const { body } = await who.send<{ server: { 'OS-EXT-STS:task_state': string | null } }>('GET', server);
  const { body: records } = await who.send<{ instanceActions: { request_id: string; message: string | null }[] }>(
    'GET',
    `${server}/os-instance-actions`,
  );
  expect(body.server['OS-EXT-STS:task_state']).toBeNull();
  expect(records.instanceActions[0]?.message).toBeNull();
  expect(new Set(records.instanceActions.map((record) => record.request_id)).size).toBe(records.instanceActions.length);
}

describe('and so is the operator', () => {
  const named = async <Made>(make: (name: string) => Promise<Made>) => {
    const name = word();
    await make(name);
    return name;
  };
  const api = () => cloud.service.api;
  const newUser = (name: string) => createUser(api(), { name, password: 'x', project: 'demo', role: 'member' });
  const order = (name: string) => ({ name, minDisk: 0, minRam: 0, diskFormat: null, properties: {}, project: null });

  test.each<[string, () => Promise<() => Promise<unknown>>]>([
    ['who adds a user', async () => () => newUser(word())],
    ['who sets a password', () => named(newUser).then((name) => () => setPassword(api(), name, 'y'))],
    ['who disables a user', () => named(newUser).then((name) => () => setUserEnabled(api(), name, false))],
    ['who deletes a user', () => named(newUser).then((name) => () => deleteUser(api(), name))],
    ['who adds a project', async () => () => createProject(api(), word())],
    ['who adds an image', async () => () => createImage(api(), order(word()))],
    [
      'who changes an image',
      () => named((name) => createImage(api(), order(name))).then((name) => () => changeImage(api(), name, { minDisk: 1 })),
    ],
    ['who deletes an image', () => named((name) => createImage(api(), order(name))).then((name) => () => deleteImage(api(), name))],
    ['who changes a flavor', () => cloud.newFlavor({}).then((id) => () => changeFlavor(api(), id, { specs: { a: 'b' } }))],
    ['who adds a host', async () => () => addHosts(api(), 'cell1', 1, { VCPU: 1, MEMORY_MB: 1, DISK_GB: 1 })],
    ['who drains a host', async () => () => drainHost(api(), 'cell1-host2', 'a reason')],
    ['who enables a host', async () => () => enableHost(api(), 'cell1-host2')],
  ])('%s', async (_, prepare) => {
    const statements = await losingEach(async () => {
      const act = await prepare();
      return async () => {
        await act();
        return undefined;
      };
    });
    expect(statements).toBeGreaterThan(0);
  });
});
