/** Who proves what: a user and a project in which the user has a role, or nothing. Why not is never said. */
import { findLogin, type Login, type Named, type ProjectKey, type UserKey } from '../database/api/users.ts';
import type { Database } from '../database/data-api/client.ts';
import { verifyPassword } from './password.ts';

export type { ProjectKey, UserKey };

/** A user in a project, with the roles there. */
export interface Principal {
  user: Named;
  project: Named;
  roles: Named[];
}

/** Checks a password; the same work is done whether the user exists or not. One Data API call. */
export async function authenticateWithPassword(
  api: Database,
  user: UserKey,
  password: string,
  project: ProjectKey,
): Promise<Principal | undefined> {
  const login = await findLogin(api, user, project);
  return (await verifyPassword(password, login?.passwordHash)) ? principal(login) : undefined;
}

/** Moves a user who is already known to another project. One Data API call. */
export async function rescope(api: Database, userId: string, project: ProjectKey): Promise<Principal | undefined> {
  return principal(await findLogin(api, { id: userId }, project));
}

function principal(login: Login | undefined): Principal | undefined {
  if (!login?.project || login.roles.length === 0) return undefined;
  const { user, project, roles } = login;
  return { user, project, roles };
}
