/** Projects, for the name lookups of clients: an admin sees all, others those in which they have a role. */
import * as z from 'zod';
import { NotFound } from '../../../../common/errors.ts';
import { listVisibleProjects, type Project } from '../../../../identity/projects.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { lastValue } from '../../http/validation/query-schemas.ts';
import { collectionLinks } from '../shared/collection-links.ts';
import { domain } from '../shared/domain.ts';

const filterSchema = z.object({ name: lastValue, domain_id: lastValue });

export const projectRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v3/projects',
    policy: 'identity:list_projects',
    toOthers: 'own',
    query: () => filterSchema,
    async handle({ baseUrl, caller, query: { name, domain_id = domain.id } }) {
      const projects = domain_id === domain.id ? await listVisibleProjects(apiDatabase(), caller, { name }) : [];
      return {
        status: 200,
        body: {
          projects: projects.map((project) => projectView(project, baseUrl)),
          links: collectionLinks(`${baseUrl}/identity/v3/projects`),
        },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/projects/{id}',
    policy: 'identity:get_project',
    toOthers: 'hidden',
    async handle({ baseUrl, caller, params: { id = '' } }) {
      const [project] = await listVisibleProjects(apiDatabase(), caller, { id });
      if (!project) throw new NotFound(`Could not find project: ${id}.`);
      return { status: 200, body: { project: projectView(project, baseUrl) } };
    },
  }),
];

/** A project as Keystone shows it. */
export function projectView({ id, name, description, enabled }: Project, baseUrl: string): object {
  return {
    id,
    name,
    description,
    enabled,
    domain_id: domain.id,
    parent_id: domain.id,
    is_domain: false,
    tags: [],
    options: {},
    links: { self: `${baseUrl}/identity/v3/projects/${id}` },
  };
}
