/** Who proves what: a user, in a project in which the user has a role or in none, or nothing. Why not is never said. */
import { findLogin, type Login, type Named, type ProjectKey, type UserKey } from '../database/api/users.ts';
import type { Database } from '../database/data-api/client.ts';
import { verifyPassword } from './password.ts';

export type { ProjectKey, UserKey };

/** What a login is for: a project, none, or the user's default project (undefined), if he has a role there. */
export type Scope = ProjectKey | 'unscoped';

/** A user in a project, with the roles there; without a project there are none. */
export interface Principal {
  user: Named;
  project: Named | null;
  roles: Named[];
}

/** Checks a password; the same work is done whether the user exists or not. One Data API call. */
export async function authenticateWithPassword(
  api: Database,
  user: UserKey,
  password: string,
  scope: Scope,
): Promise<Principal | undefined> {
  const login = await findLogin(api, user, projectOf(scope));
  return (await verifyPassword(password, login?.passwordHash)) ? principal(login, scope) : undefined;
}

/** Moves a user who is already known to another scope. One Data API call. */
export async function rescope(api: Database, userId: string, scope: Scope): Promise<Principal | undefined> {
  return principal(await findLogin(api, { id: userId }, projectOf(scope)), scope);
}

function projectOf(scope: Scope): ProjectKey {
  return scope === 'unscoped' ? undefined : scope;
}

function principal(login: Login | undefined, scope: Scope): Principal | undefined {
  if (!login) return undefined;
  const { user, project, roles } = login;
  if (scope !== 'unscoped' && project && roles.length > 0) return { user, project, roles };
  return scope === 'unscoped' || scope === undefined ? { user, project: null, roles: [] } : undefined;
}
