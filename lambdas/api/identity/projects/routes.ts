/** Projects, for the name lookups of clients: an admin sees all, others those in which they have a role. */
import { NotFound } from '../../../../common/errors.ts';
import { listVisibleProjects, type Project } from '../../../../identity/projects.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { anyParameters } from '../../http/validation/query-schemas.ts';
import { domain } from '../shared/domain.ts';
import { everything, type Filter, flag, pageOf, text } from '../shared/list-query.ts';

/** All projects stand at the top of the domain, and none has tags. */
const filters: ReadonlyMap<string, Filter<Project>> = new Map<string, Filter<Project>>([
  ['name', text(({ name }) => name)],
  ['enabled', flag(({ enabled }) => enabled)],
  ['domain_id', text(() => domain.id)],
  ['parent_id', text(() => domain.id)],
  ['is_domain', flag(() => false)],
  ...['tags', 'tags-any'].map((name): [string, Filter<Project>] => [name, everything(false)]),
  ...['not-tags', 'not-tags-any'].map((name): [string, Filter<Project>] => [name, everything(true)]),
]);

export const projectRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v3/projects',
    policy: 'identity:list_projects',
    toOthers: 'own',
    query: () => anyParameters,
    async handle({ baseUrl, caller, query }) {
      const projects = await listVisibleProjects(apiDatabase(), caller, { name: query.name?.[0] });
      const { items, links } = pageOf(projects, query, filters, `${baseUrl}/identity/v3/projects`);
      return { status: 200, body: { projects: items.map((project) => projectView(project, baseUrl)), links } };
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
