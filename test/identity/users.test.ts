/** Users and projects that a deployment or an operator makes sure of. */
import { describe, expect, test } from 'vitest';
import { ensureProject } from '../../database/api/projects.ts';
import { ensureUser } from '../../database/api/users.ts';
import { hashPassword } from '../../identity/password.ts';
import { inDefault, login, other, services, usePeople } from '../lambdas/api/identity/people.ts';

usePeople();

describe('ensuring', () => {
  test('twice is like once, but for the password', async () => {
    const { database } = services;
    expect(await ensureProject(database, { name: 'other' })).toBe(other);
    const passwordHash = await hashPassword('changed');
    const id = await ensureUser(database, { name: 'new', passwordHash: await hashPassword('first'), project: other, role: 'member' });
    expect(await ensureUser(database, { name: 'new', passwordHash, project: other, role: 'member' })).toBe(id);
    expect((await login({ name: 'new', ...inDefault, password: 'first' })).status).toBe(401);
    expect((await login({ name: 'new', ...inDefault, password: 'changed' })).body.token).toMatchObject({
      user: { id },
      roles: [{ name: 'member' }],
    });
    await expect(ensureUser(database, { name: 'x', passwordHash, project: other, role: 'king' })).rejects.toThrow(/role does not exist/);
  });
});
