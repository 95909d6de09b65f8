/** Users and what role a user has in which project. One statement answers a whole login. */
import { type Database, query, queryDocuments } from '../data-api/client.ts';

/** Something with an id and a name; users, projects and roles are. */
export interface Named {
  id: string;
  name: string;
}

export interface User extends Named {
  enabled: boolean;
  defaultProjectId: string | null;
}

/** A user by id or by name. */
export type UserKey = { id: string } | { name: string };

/** A project by id or by name; without one, the user's default project is meant. */
export type ProjectKey = { id: string } | { name: string } | undefined;

/** What a login needs to know: the user, the project asked for if it exists, and the user's roles in it. */
export interface Login {
  user: Named;
  passwordHash: string;
  project: Named | null;
  roles: Named[];
}

/** Finds what there is to know for a login; none when there is no such enabled user. */
export async function findLogin(api: Database, user: UserKey, project: ProjectKey): Promise<Login | undefined> {
  const rows = await query<Login>(
    api,
    `select
       jsonb_build_object('id', users.id, 'name', users.name) as "user",
       users.password_hash as "passwordHash",
       case when projects.id is not null then jsonb_build_object('id', projects.id, 'name', projects.name) end as project,
       coalesce(
         (select jsonb_agg(jsonb_build_object('id', roles.id, 'name', roles.name) order by roles.name)
          from role_assignments join roles on roles.id = role_assignments.role_id
          where role_assignments.user_id = users.id and role_assignments.project_id = projects.id),
         '[]') as roles
     from users left join projects on projects.enabled and case
       when :project_id::text is not null then projects.id = :project_id::text
       when :project_name::text is not null then projects.name = :project_name::text
       else projects.id = users.default_project_id end
     where users.enabled and (users.id = :user_id::text or users.name = :user_name::text)`,
    {
      user_id: 'id' in user ? user.id : null,
      user_name: 'name' in user ? user.name : null,
      project_id: project && 'id' in project ? project.id : null,
      project_name: project && 'name' in project ? project.name : null,
    },
  );
  return rows[0];
}

/** Lists users by name, all or those that match the filter. */
export async function listUsers(api: Database, filter: { id?: string | undefined; name?: string | undefined }): Promise<User[]> {
  return query<User>(
    api,
    `select id, name, enabled, default_project_id as "defaultProjectId" from users
     where (:id::text is null or id = :id::text) and (:name::text is null or name = :name::text)
     order by name`,
    { id: filter.id ?? null, name: filter.name ?? null },
  );
}

/** A user with the names of the roles in each project, by its name. */
export interface UserWithRoles extends Named {
  enabled: boolean;
  roles: Record<string, string[]>;
}

/** Lists all users by name with their roles. */
export async function listUsersWithRoles(api: Database): Promise<UserWithRoles[]> {
  const users: UserWithRoles[] = [];
  for (let more = true; more; ) {
    const { documents, truncated } = await queryDocuments<UserWithRoles>(
      api,
      `select name as key, jsonb_build_object('id', id, 'name', name, 'enabled', enabled, 'roles', coalesce(
         (select jsonb_object_agg(project, roles) from (
           select p.name as project, jsonb_agg(r.name order by r.name) as roles
           from role_assignments a join projects p on p.id = a.project_id join roles r on r.id = a.role_id
           where a.user_id = u.id group by p.name) assigned), '{}')) as doc
       from users u where name > :after`,
      { after: users.at(-1)?.name ?? '' },
    );
    users.push(...documents.values());
    more = truncated;
  }
  return users;
}

/**
 * Creates the user unless it exists and assigns it the role in the project (by id), in one statement; returns the user's id. An existing user gets the
 * password; the first project becomes the default one.
 * @throws the Data API's error when there is no such project; Error when there is no such role.
 */
export async function ensureUser(
  api: Database,
  { name, passwordHash, project, role, id }: { name: string; passwordHash: string; project: string; role: string; id?: string },
): Promise<string> {
  const rows = await query<{ id: string }>(
    api,
    `with ensured as (
       insert into users (id, name, password_hash, default_project_id)
       select coalesce(:id::text, replace(gen_random_uuid()::text, '-', '')), :name, :password_hash, :project_id
       from roles where roles.name = :role
       on conflict (name) do update set password_hash = excluded.password_hash, updated_at = now()
       returning id),
     assigned as (
       insert into role_assignments (user_id, project_id, role_id)
       select ensured.id, :project_id, roles.id from ensured cross join roles where roles.name = :role
       on conflict do nothing)
     select id from ensured`,
    { id: id ?? null, name, password_hash: passwordHash, project_id: project, role },
  );
  return onlyId(rows);
}

/** A user to add, with a role in a project, both by name. The id is new: by it a statement that is sent again knows its own work. */
export interface NewUser extends Named {
  passwordHash: string;
  project: string;
  role: string;
}

/** Adds a user; `added` is false when the name is taken, `inProject` when there is no such project. */
export async function addUser(api: Database, user: NewUser): Promise<{ added: boolean; inProject: boolean }> {
  const [row] = await query<{ added: boolean; inProject: boolean }>(
    api,
    `with project as (select id from projects where name = :project),
     added as (
       insert into users (id, name, password_hash, default_project_id) select :id, :name, :password_hash, id from project
       on conflict (name) do nothing returning id, default_project_id),
     assigned as (
       insert into role_assignments (user_id, project_id, role_id)
       select added.id, default_project_id, roles.id from added join roles on roles.name = :role)
     select exists (select from project) as "inProject", exists (select from added) or exists (select from users where id = :id) as added`,
    { id: user.id, name: user.name, password_hash: user.passwordHash, project: user.project, role: user.role },
  );
  if (!row) throw new Error('a select without from returns one row');
  return row;
}

/** Changes a user by name; returns false when there is none. */
export async function changeUser(api: Database, name: string, change: { passwordHash?: string; enabled?: boolean }): Promise<boolean> {
  const rows = await query(
    api,
    `update users set password_hash = coalesce(:password_hash::text, password_hash), enabled = coalesce(:enabled::boolean, enabled), updated_at = now()
     where name = :name returning id`,
    { name, password_hash: change.passwordHash ?? null, enabled: change.enabled ?? null },
  );
  return rows.length > 0;
}

/** Removes a user and its roles. */
export async function removeUser(api: Database, id: string): Promise<void> {
  await query(api, 'delete from users where id = :id', { id });
}

function onlyId(rows: readonly { id: string }[]): string {
  const [row] = rows;
  if (!row) throw new Error('nothing was ensured: the role does not exist');
  return row.id;
}
