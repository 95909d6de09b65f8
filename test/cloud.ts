/** A whole deployment for a test file, and a client that says in one line what a conversation over HTTP says. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, parseDatabaseUrl } from '../database/data-api.ts';
import { issueToken } from '../lambdas/api/http/token.ts';
import { type Service, type ServiceOptions, startService } from '../local/service.ts';

/** An answer; the body is undefined when there is none. */
export interface Reply<Body> {
  status: number;
  headers: Headers;
  body: Body;
}

/** What a request may say beside its method and path. */
export interface RequestOptions {
  body?: unknown;
  /** The N of 2.N; the highest when none is given. */
  microversion?: number;
  headers?: Record<string, string>;
}

/** Someone with a token. */
export interface User {
  projectId: string;
  userId: string;
  token: string;
  /** Sends a request below /v2.1 and reads the answer; `Body` is the test's word for what it expects to find in it. */
  send<Body = Json>(method: string, path: string, options?: RequestOptions): Promise<Reply<Body>>;
  /** Boots a server (m1.tiny unless told otherwise) and gives its id. */
  boot(server?: Record<string, unknown>): Promise<string>;
  /** Waits until a server is neither in BUILD nor in a task, and gives it. */
  settled(id: string): Promise<ServerBody>;
}

/** JSON of any shape, for tests that read a few fields of it. */
export type Json = Readonly<Record<string, unknown>>;

/** The fields of a server that tests read. */
export interface ServerBody {
  id: string;
  name: string;
  status: string;
  fault?: { code: number; message: string; details?: string; created: string };
  [key: string]: unknown;
}

/** A running deployment. */
export interface Cloud {
  service: Service;
  /** Makes a user of a project nobody else has, so that quota and listings are his alone. */
  newUser(role?: 'admin' | 'member' | 'reader', projectId?: string): Promise<User>;
  /** Adds a flavor and gives its id. */
  newFlavor(flavor: { vcpus?: number; ram?: number; disk?: number }): Promise<string>;
  /** A database by its name: `api`, `cell0`, `cell1`, … */
  database(name: string): Database;
  stop(): Promise<void>;
}

const latest = 100;
const settlesWithin = 20_000;

/** Starts a deployment without a past on a free port: two cells of two hosts unless told otherwise. */
export async function startCloud(options: Partial<ServiceOptions> = {}): Promise<Cloud> {
  const service = await startService({ dataDir: undefined, cells: 2, hosts: 2, host: '127.0.0.1', port: 0, ...options });
  const newUser: Cloud['newUser'] = async (role = 'member', projectId = randomBytes(16).toString('hex')) => {
    const userId = randomBytes(16).toString('hex');
    const { text } = await issueToken({
      user: { id: userId, name: `user-${userId.slice(0, 6)}` },
      project: { id: projectId, name: `project-${projectId.slice(0, 6)}` },
      roles: [{ id: randomBytes(16).toString('hex'), name: role }],
      methods: ['password'],
    });
    return client(service.url, { projectId, userId, token: text });
  };
  return {
    service,
    newUser,
    async newFlavor({ vcpus = 1, ram = 64, disk = 1 }) {
      const admin = await newUser('admin');
      const name = randomBytes(6).toString('hex');
      const { body } = await admin.send<{ flavor?: { id: string } }>('POST', '/flavors', {
        body: { flavor: { name, id: name, vcpus, ram, disk } },
      });
      if (body.flavor?.id !== name) throw new Error(`no flavor: ${JSON.stringify(body)}`);
      return name;
    },
    database: (name) => parseDatabaseUrl(service.databases.get(name) ?? ''),
    stop: () => service.stop(),
  };
}

function client(url: string, who: Pick<User, 'projectId' | 'userId' | 'token'>): User {
  const send: User['send'] = async <Body>(
    method: string,
    path: string,
    { body, microversion = latest, headers = {} }: RequestOptions = {},
  ) => {
    const response = await fetch(`${url}/v2.1${path}`, {
      method,
      headers: {
        'X-Auth-Token': who.token,
        'OpenStack-API-Version': `compute 2.${microversion}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? undefined : JSON.parse(text)) as Body };
  };
  return {
    ...who,
    send,
    async boot(server = {}) {
      const image = 'c1220500-0000-4000-8000-000000000001';
      const body = { server: { name: 'server', imageRef: image, flavorRef: '1', networks: 'none', ...server } };
      const reply = await send<{ server: { id: string } }>('POST', '/servers', { body });
      if (reply.status !== 202) throw new Error(`not accepted: ${JSON.stringify(reply.body)}`);
      return reply.body.server.id;
    },
    async settled(id) {
      for (const end = Date.now() + settlesWithin; ; await sleep(10)) {
        const { body } = await send<{ server: ServerBody }>('GET', `/servers/${id}`);
        const { status, 'OS-EXT-STS:task_state': task } = body.server;
        if (status !== 'BUILD' && task === null) return body.server;
        if (Date.now() > end) throw new Error(`${id} is ${status} with task ${task} for too long`);
      }
    },
  };
}
