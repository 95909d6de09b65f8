/** Projects: operators make them, clients look up those that they may see. */
import type { Caller } from '../common/caller.ts';
import { Conflict } from '../common/errors.ts';
import { allows } from '../common/policy.ts';
import { addProject, listProjects, type Project } from '../database/api/projects.ts';
import type { Database } from '../database/data-api/client.ts';
import { newId } from './ids.ts';

export type { Project };

/** Returns the projects that the caller may see: an admin all, others those in which they have a role. */
export function listVisibleProjects(api: Database, caller: Caller, filter: { id?: string; name?: string | undefined }): Promise<Project[]> {
  return listProjects(api, { ...filter, userId: allows(caller, 'context_is_admin') ? undefined : caller.userId });
}

/** Returns the projects in which a user has a role. */
export function listProjectsOf(api: Database, userId: string): Promise<Project[]> {
  return listProjects(api, { userId });
}

/**
 * Makes a project; returns its id.
 * @throws Conflict when the name is taken.
 */
export async function createProject(api: Database, name: string): Promise<string> {
  const id = newId();
  if (!(await addProject(api, { id, name }))) throw new Conflict(`There is a project ${name} already.`);
  return id;
}
