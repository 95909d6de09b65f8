/** The identity service of a test file, with some projects and users. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { ensureProject } from '../../../../database/api/projects.ts';
import { ensureUser } from '../../../../database/api/users.ts';
import { query } from '../../../../database/data-api/client.ts';
import { hashPassword } from '../../../../identity/password.ts';
import { handler } from '../../../../lambdas/api/identity.ts';
import { asking } from '../events.ts';
import { type ApiServices, startApiServices } from '../services.ts';

/** Asks the service. */
export const ask = asking(handler);
export const demo = 'd'.repeat(32);
export const ann = 'a'.repeat(32);
/** From the first test on. */
export let services: ApiServices;
/** Id of the project `other`. */
export let other: string;

/** Starts it for the tests of a file: projects `demo`, `other` and `closed`, users `ann`, `root` and `gone`. */
export function usePeople(): void {
  beforeAll(async () => {
    services = await startApiServices();
    const { database } = services;
    const passwordHash = await hashPassword('secret');
    await ensureProject(database, { name: 'demo', id: demo });
    other = await ensureProject(database, { name: 'other' });
    await ensureProject(database, { name: 'closed' });
    await ensureUser(database, { name: 'ann', id: ann, passwordHash, project: demo, role: 'member' });
    await ensureUser(database, { name: 'ann', passwordHash, project: other, role: 'reader' });
    await ensureUser(database, { name: 'root', passwordHash: await hashPassword('rootpw'), project: demo, role: 'admin' });
    await ensureUser(database, { name: 'gone', passwordHash, project: demo, role: 'member' });
    await query(database, `update users set enabled = false where name = 'gone'`);
  }, 60_000);
  afterAll(() => services?.stop());
  beforeEach(() => {
    process.env.PUBLIC_URL = '';
  });
}

export const inDefault = { domain: { name: 'Default' } };

/** The body of a login. */
export function credentials(user: object, scope?: unknown): object {
  return { auth: { identity: { methods: ['password'], password: { user } }, ...(scope !== undefined && { scope }) } };
}

/** Logs in with a password. */
export function login(user: object, scope?: unknown, url = '/identity/v3/auth/tokens') {
  return ask(url, { method: 'POST', body: credentials(user, scope) });
}

/** Returns the token of a login. */
export async function tokenOf(name: string, password: string, project?: string): Promise<string> {
  const { headers } = await login({ name, ...inDefault, password }, project && { project: { name: project, ...inDefault } });
  return headers['x-subject-token'] ?? '';
}
