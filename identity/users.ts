/** Users: operators manage them, clients look up those that they may see. */
import type { Caller, Role } from '../common/caller.ts';
import { Conflict, NotFound } from '../common/errors.ts';
import { allows } from '../common/policy.ts';
import { addUser, changeUser, listUsers, removeUser, type User } from '../database/api/users.ts';
import type { Database } from '../database/data-api/client.ts';
import { newId } from './ids.ts';
import { hashPassword } from './password.ts';

export type { User };

/** A user before it has an id; the project by its name. */
export interface NewUser {
  name: string;
  password: string;
  project: string;
  role: Role;
}

/** Returns the users that the caller may see: an admin all, others themselves. */
export async function listVisibleUsers(api: Database, caller: Caller, filter: { id?: string; name?: string | undefined }): Promise<User[]> {
  const users = await listUsers(api, filter);
  return allows(caller, 'context_is_admin') ? users : users.filter(({ id }) => id === caller.userId);
}

/**
 * Makes a user with a role in a project; returns its id.
 * @throws NotFound when there is no such project, Conflict when the name is taken.
 */
export async function createUser(api: Database, { password, ...user }: NewUser): Promise<string> {
  const id = newId();
  const { added, inProject } = await addUser(api, { ...user, id, passwordHash: await hashPassword(password) });
  if (added) return id;
  throw inProject ? new Conflict(`There is a user ${user.name} already.`) : new NotFound(`There is no project ${user.project}.`);
}

/** @throws NotFound when there is no such user. */
export async function setPassword(api: Database, name: string, password: string): Promise<void> {
  if (!(await changeUser(api, name, { passwordHash: await hashPassword(password) }))) throw noUser(name);
}

/** @throws NotFound when there is no such user. */
export async function setUserEnabled(api: Database, name: string, enabled: boolean): Promise<void> {
  if (!(await changeUser(api, name, { enabled }))) throw noUser(name);
}

/**
 * Removes a user. What the user made stays.
 * @throws NotFound when there is none.
 */
export async function deleteUser(api: Database, name: string): Promise<void> {
  const [user] = await listUsers(api, { name });
  if (!user) throw noUser(name);
  await removeUser(api, user.id);
}

function noUser(name: string): NotFound {
  return new NotFound(`There is no user ${name}.`);
}
