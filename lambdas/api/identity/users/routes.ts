/** Users, for the name lookups of clients: an admin sees all, others themselves. */
import { NotFound } from '../../../../common/errors.ts';
import { listVisibleUsers, type User } from '../../../../identity/users.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { anyParameters } from '../../http/validation/query-schemas.ts';
import { domain } from '../shared/domain.ts';
import { everything, type Filter, flag, pageOf, text } from '../shared/list-query.ts';

/** Nobody comes from another identity provider, and no password ends. */
const filters: ReadonlyMap<string, Filter<User>> = new Map<string, Filter<User>>([
  ['name', text(({ name }) => name)],
  ['enabled', flag(({ enabled }) => enabled)],
  ['domain_id', text(() => domain.id)],
  ...['idp_id', 'protocol_id', 'unique_id', 'password_expires_at'].map((name): [string, Filter<User>] => [name, everything(false)]),
]);

export const userRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v3/users',
    policy: 'identity:list_users',
    toOthers: 'own',
    query: () => anyParameters,
    async handle({ baseUrl, caller, query }) {
      const users = await listVisibleUsers(apiDatabase(), caller, { name: query.name?.[0] });
      const { items, links } = pageOf(users, query, filters, `${baseUrl}/identity/v3/users`);
      return { status: 200, body: { users: items.map((user) => userView(user, baseUrl)), links } };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/users/{id}',
    policy: 'identity:get_user',
    toOthers: 'hidden',
    async handle({ baseUrl, caller, params: { id = '' } }) {
      const [user] = await listVisibleUsers(apiDatabase(), caller, { id });
      if (!user) throw new NotFound(`Could not find user: ${id}.`);
      return { status: 200, body: { user: userView(user, baseUrl) } };
    },
  }),
];

function userView({ id, name, enabled, defaultProjectId }: User, baseUrl: string): object {
  return {
    id,
    name,
    enabled,
    domain_id: domain.id,
    ...(defaultProjectId && { default_project_id: defaultProjectId }),
    password_expires_at: null,
    options: {},
    links: { self: `${baseUrl}/identity/v3/users/${id}` },
  };
}
