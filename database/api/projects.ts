/** Projects, which own servers and quotas. */
import { type Database, query } from '../data-api/client.ts';
import type { Named } from './users.ts';

export interface Project extends Named {
  description: string;
  enabled: boolean;
}

/** Lists projects by name, all or those that match the filter; `userId` keeps those in which the user has a role. */
export async function listProjects(
  api: Database,
  filter: { id?: string | undefined; name?: string | undefined; userId?: string | undefined },
): Promise<Project[]> {
  return query<Project>(
    api,
    `select id, name, description, enabled from projects
     where (:id::text is null or id = :id::text) and (:name::text is null or name = :name::text)
       and (:user_id::text is null
         or exists (select from role_assignments where project_id = projects.id and user_id = :user_id::text))
     order by name`,
    { id: filter.id ?? null, name: filter.name ?? null, user_id: filter.userId ?? null },
  );
}

/** Creates the project unless it exists; returns its id. A new one gets the given id, or a random one. */
export async function ensureProject(api: Database, { name, id }: { name: string; id?: string }): Promise<string> {
  const rows = await query<{ id: string }>(
    api,
    `insert into projects (id, name) values (coalesce(:id::text, replace(gen_random_uuid()::text, '-', '')), :name)
     on conflict (name) do update set name = excluded.name
     returning id`,
    { id: id ?? null, name },
  );
  const [project] = rows;
  if (!project) throw new Error('an upsert returns its row');
  return project.id;
}

/** Adds a project with a new id; returns false when the name is taken. */
export async function addProject(api: Database, { id, name }: Named): Promise<boolean> {
  const rows = await query(
    api,
    `with added as (insert into projects (id, name) values (:id, :name) on conflict (name) do nothing returning id)
     select id from added union select id from projects where id = :id`,
    { id, name },
  );
  return rows.length > 0;
}
