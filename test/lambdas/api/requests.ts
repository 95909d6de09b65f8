/** A request that is accepted, made for any route from its declaration. What the path names is there, and belongs to an owner. */
import { randomBytes } from 'node:crypto';
import { ensureImage } from '../../../database/api/images.ts';
import { ensureProject } from '../../../database/api/projects.ts';
import { ensureUser } from '../../../database/api/users.ts';
import { query } from '../../../database/data-api/client.ts';
import { cirros } from '../../../image/cirros.ts';
import { microversions } from '../../../lambdas/api/compute/microversions.ts';
import type { Route } from '../../../lambdas/api/http/routing/route.ts';
import type { Cloud, User } from '../../fixtures/cloud.ts';
import { softDelete } from '../../fixtures/soft-delete.ts';
import { type AnsweringRoute, keyOf, type RoutedService } from './routes.ts';

/** A request, but for who sends it. */
export interface ApiRequest {
  method: string;
  /** From the root of the host. */
  path: string;
  /** What the parameters of the path are, from left to right. */
  names: readonly string[];
  body: object | undefined;
  headers: Readonly<Record<string, string>>;
}

/** What is answered; no body is undefined. */
export interface ApiAnswer {
  status: number;
  body: unknown;
}

const word = () => randomBytes(6).toString('hex');
const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID+2Xa66O2MvvRhVh5BBtqfFz3h+6rgSKNo7MTzuvt56';
const group = () => ({ server_group: { name: word(), policy: 'affinity' } });
const keypair = ({ userId }: User) => ({ keypair: { name: word(), public_key: publicKey, user_id: userId } });

/** Makes one of a collection for an owner, and returns what the path calls it below the collection, `before`. */
type Make = (cloud: Cloud, owner: User, before: string) => Promise<string>;

/** Lets the database know an owner and his project, as it knows everybody whom Keystone gave a token. */
async function register({ service: { api } }: Cloud, { userId, projectId }: User): Promise<void> {
  await ensureProject(api, { name: projectId, id: projectId });
  await ensureUser(api, { name: userId, id: userId, passwordHash: '', project: projectId, role: 'member' });
}

/** By the segment before the parameter. */
export const resources: ReadonlyMap<string, Make> = new Map<string, Make>([
  [
    'servers',
    async (_, owner) => {
      const id = await owner.boot({ metadata: { role: 'web' }, tags: ['blue'] });
      await owner.settled(id);
      return id;
    },
  ],
  [
    'os-instance-actions',
    async (_, owner, before) => {
      const { body } = await owner.send<{ instanceActions: { request_id: string }[] }>('GET', before);
      return body.instanceActions[0]?.request_id ?? '';
    },
  ],
  [
    'flavors',
    async ({ service: { api }, newUser }, { projectId }) => {
      const admin = await newUser('admin');
      const flavor = { name: word(), id: word(), ram: 64, vcpus: 1, disk: 1, 'os-flavor-access:is_public': false };
      await admin.send('POST', '/flavors', { body: { flavor } });
      const access = 'insert into flavor_projects (flavor_id, project_id) select id, :projectId from flavors where flavorid = :id';
      await query(api, access, { id: flavor.id, projectId });
      return flavor.id;
    },
  ],
  ['metadata', async () => 'role'],
  ['tags', async () => 'blue'],
  [
    'os-extra_specs',
    async ({ service: { api } }, _, before) => {
      const id = before.split('/').at(-2) ?? '';
      await query(api, `insert into flavor_extra_specs (flavor_id, key, value) select id, 'spec', 'a' from flavors where flavorid = :id`, {
        id,
      });
      return 'spec';
    },
  ],
  [
    'os-keypairs',
    async (_, owner) => {
      const body = keypair(owner);
      await owner.send('POST', '/os-keypairs', { body });
      return `${body.keypair.name}?user_id=${owner.userId}`;
    },
  ],
  [
    'os-server-groups',
    async (_, owner) => {
      const { body } = await owner.send<{ server_group: { id: string } }>('POST', '/os-server-groups', { body: group() });
      return body.server_group.id;
    },
  ],
  [
    'os-quota-sets',
    async (cloud, owner) => {
      await register(cloud, owner);
      return owner.projectId;
    },
  ],
  ['os-quota-class-sets', async () => 'default'],
  [
    'images',
    async ({ service: { api } }, { projectId }) => {
      const id = crypto.randomUUID();
      await ensureImage(api, { ...cirros(projectId), id, name: word(), visibility: 'private' });
      return id;
    },
  ],
  [
    'projects',
    async (cloud, owner) => {
      await register(cloud, owner);
      return owner.projectId;
    },
  ],
  [
    'users',
    async (cloud, owner) => {
      await register(cloud, owner);
      return owner.userId;
    },
  ],
]);

/** What nothing is called. */
export const nothing = crypto.randomUUID();

const bodies: ReadonlyMap<string, (cloud: Cloud, owner: User) => object> = new Map<string, (cloud: Cloud, owner: User) => object>([
  ['POST /servers', () => ({ server: { name: 'server', imageRef: cirros('').id, flavorRef: '1', networks: 'none' } })],
  ['PUT /servers/{id}', () => ({ server: { name: 'other' } })],
  ['POST /servers/{id}/metadata', () => ({ metadata: { role: 'db' } })],
  ['PUT /servers/{id}/metadata', () => ({ metadata: { role: 'db' } })],
  ['PUT /servers/{id}/metadata/{item}', () => ({ meta: { role: 'db' } })],
  ['PUT /servers/{id}/tags', () => ({ tags: ['red'] })],
  ...[
    'forceDelete',
    'os-start',
    'os-stop',
    'pause',
    'unpause',
    'suspend',
    'resume',
    'rescue',
    'unrescue',
    'trigger_crash_dump',
    'injectNetworkInfo',
    'restore',
    'lock',
    'unlock',
    'confirmResize',
    'revertResize',
    'migrate',
  ].map((action): [string, () => object] => [`POST /servers/{id}/action ${action}`, () => ({ [action]: null })]),
  ['POST /servers/{id}/action rebuild', () => ({ rebuild: { imageRef: cirros('').id } })],
  ['POST /servers/{id}/action resize', () => ({ resize: { flavorRef: '2' } })],
  ['POST /servers/{id}/action reboot', () => ({ reboot: { type: 'SOFT' } })],
  ['POST /servers/{id}/action createImage', () => ({ createImage: { name: word() } })],
  ['POST /servers/{id}/action createBackup', () => ({ createBackup: { name: word(), backup_type: 'daily', rotation: 1 } })],
  ['POST /servers/{id}/action changePassword', () => ({ changePassword: { adminPass: word() } })],
  ['POST /servers/{id}/action os-resetState', () => ({ 'os-resetState': { state: 'error' } })],
  ['POST /servers/{id}/action os-getConsoleOutput', () => ({ 'os-getConsoleOutput': {} })],
  ['POST /servers/{id}/action os-getVNCConsole', () => ({ 'os-getVNCConsole': { type: 'novnc' } })],
  ['POST /servers/{id}/action os-getSPICEConsole', () => ({ 'os-getSPICEConsole': { type: 'spice-html5' } })],
  ['POST /servers/{id}/action os-getSerialConsole', () => ({ 'os-getSerialConsole': { type: 'serial' } })],
  ['POST /servers/{id}/remote-consoles', () => ({ remote_console: { protocol: 'vnc', type: 'novnc' } })],
  ['POST /servers/{id}/os-interface', () => ({})],
  ['POST /servers/{id}/os-volume_attachments', () => ({ volumeAttachment: { volumeId: nothing } })],
  ['PUT /servers/{id}/os-volume_attachments/{item}', () => ({ volumeAttachment: { volumeId: nothing } })],
  ['POST /servers/{id}/shares', () => ({ share: { share_id: nothing } })],
  ...Object.entries({
    ...{ addSecurityGroup: { name: 'web' }, removeSecurityGroup: { name: 'web' } },
    ...{ addFixedIp: { networkId: nothing }, removeFixedIp: { address: '192.0.2.1' } },
    ...{ addFloatingIp: { address: '192.0.2.1' }, removeFloatingIp: { address: '192.0.2.1' } },
  }).map(([action, value]): [string, () => object] => [`POST /servers/{id}/action ${action}`, () => ({ [action]: value })]),
  ['POST /flavors', () => ({ flavor: { name: word(), ram: 1, vcpus: 1, disk: 1 } })],
  ['POST /os-keypairs', (_, owner) => keypair(owner)],
  ['POST /os-server-groups', group],
  ['PUT /os-quota-sets/{id}', () => ({ quota_set: { cores: 3 } })],
  [
    'POST /v3/auth/tokens',
    ({ service: { passwords } }) => {
      const user = { name: 'demo', domain: { id: 'default' }, password: passwords.demo };
      return { auth: { identity: { methods: ['password'], password: { user } } } };
    },
  ],
]);

/** The action after which a server accepts another. */
const actionsBefore: ReadonlyMap<string, object> = new Map<string, object>([
  ['POST /servers/{id}/action os-start', { 'os-stop': null }],
  ['POST /servers/{id}/action unpause', { pause: null }],
  ['POST /servers/{id}/action resume', { suspend: null }],
  ['POST /servers/{id}/action unrescue', { rescue: null }],
  ['POST /servers/{id}/action confirmResize', { resize: { flavorRef: '2' } }],
  ['POST /servers/{id}/action revertResize', { resize: { flavorRef: '2' } }],
]);

/** Returns the body that a route accepts; undefined for one that reads none, or is not known here. */
export function bodyOf(cloud: Cloud, route: AnsweringRoute, owner: User): object | undefined {
  return bodies.get(keyOf(route))?.(cloud, owner);
}

/** What a request names in its headers. */
const headers: ReadonlyMap<string, (owner: User) => Record<string, string>> = new Map(
  ['GET /v3/auth/tokens', 'HEAD /v3/auth/tokens'].map((key) => [key, ({ token }) => ({ 'X-Subject-Token': token })]),
);

/**
 * Makes the request, and what it is about.
 * @throws Error for a route that is about something unknown here, or reads a body that is: it needs a line above.
 */
export async function requestOf(
  cloud: Cloud,
  { root }: Pick<RoutedService, 'root'>,
  route: AnsweringRoute,
  owner: User,
): Promise<ApiRequest> {
  const key = keyOf(route);
  const names: string[] = [];
  const segments: string[] = [];
  for (const segment of route.path.split('/')) {
    if (segment.startsWith('{')) {
      const make = resources.get(segments.at(-1) ?? '');
      if (!make) throw new Error(`${key} names something that test/lambdas/api/requests.ts cannot make`);
      const name = await make(cloud, owner, segments.join('/'));
      names.push(name);
      segments.push(name);
    } else {
      segments.push(segment);
    }
  }
  const body = bodyOf(cloud, route, owner);
  if (route.body && !body) throw new Error(`${key} reads a body that test/lambdas/api/requests.ts cannot write`);
  const before = actionsBefore.get(key);
  if (before) await owner.send('POST', segments.join('/'), { body: before });
  if (key === 'POST /servers/{id}/action restore') await softDelete(owner, segments.slice(0, -1).join('/'));
  const microversion = microversions.findLast((each) => route.isIn(each));
  return {
    method: route.method,
    path: rootOf(root, route) + segments.join('/'),
    names,
    body,
    headers: { 'OpenStack-API-Version': `compute ${microversion}`, ...headers.get(key)?.(owner) },
  };
}

/** The version documents of compute stand beside its root. */
function rootOf(root: string, { path }: Route): string {
  return root === '/v2.1' && ['/', '/v2', '/v2.1'].includes(path) ? '' : root;
}

/** Sends a request; without a token as nobody. */
export async function send(cloud: Cloud, { method, path, body, headers }: ApiRequest, token: string | undefined): Promise<ApiAnswer> {
  const response = await fetch(cloud.service.url + path, {
    method,
    headers: {
      ...headers,
      ...(token === undefined ? {} : { 'X-Auth-Token': token }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}
