/** Users and projects as an operator manages them; clients can only look them up. */
import { randomUUID } from 'node:crypto';
import { Conflict, NotFound } from '../common/errors.ts';
import { addProject, addUser, changeUser, listUsers, removeUser } from '../database/api/users.ts';
import type { Database } from '../database/data-api/client.ts';
import { hashPassword } from './password.ts';

/** What a user may do in a project. */
export const roles = ['admin', 'member', 'reader'] as const;
export type Role = (typeof roles)[number];

/** A user before it has an id; the project by its name. */
export interface Newcomer {
  name: string;
  password: string;
  project: string;
  role: Role;
}

/** As Keystone makes ids. */
const newId = () => randomUUID().replaceAll('-', '');

/**
 * Makes a user with a role in a project; gives its id.
 * @throws NotFound when there is no such project, Conflict when the name is taken.
 */
export async function createUser(api: Database, { password, ...user }: Newcomer): Promise<string> {
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

/**
 * Makes a project; gives its id.
 * @throws Conflict when the name is taken.
 */
export async function createProject(api: Database, name: string): Promise<string> {
  const id = newId();
  if (!(await addProject(api, { id, name }))) throw new Conflict(`There is a project ${name} already.`);
  return id;
}

function noUser(name: string): NotFound {
  return new NotFound(`There is no user ${name}.`);
}
