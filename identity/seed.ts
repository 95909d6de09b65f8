/** The users that a new cloud starts with. Safe to do again with every deployment. */
import { ensureProject } from '../database/api/projects.ts';
import { ensureUser } from '../database/api/users.ts';
import type { Database } from '../database/data-api/client.ts';
import { hashPassword } from './password.ts';

/** Makes a user and a project of the same name in which the user has the role. A user that exists gets the password. */
export async function seedUser(api: Database, { name, role, password }: { name: string; role: string; password: string }): Promise<void> {
  const [project, passwordHash] = await Promise.all([ensureProject(api, { name }), hashPassword(password)]);
  await ensureUser(api, { name, passwordHash, project, role });
}
