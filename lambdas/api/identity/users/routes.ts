/** Users, for the name lookups of clients: an admin sees all, others themselves. */
import * as z from 'zod';
import { NotFound } from '../../../../common/errors.ts';
import { listVisibleUsers, type User } from '../../../../identity/users.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { lastValue } from '../../http/validation/query-schemas.ts';
import { collectionLinks } from '../shared/collection-links.ts';
import { domain } from '../shared/domain.ts';

const filterSchema = z.object({ name: lastValue, domain_id: lastValue });

export const userRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v3/users',
    policy: 'identity:list_users',
    toOthers: 'own',
    query: () => filterSchema,
    async handle({ baseUrl, caller, query: { name, domain_id = domain.id } }) {
      const users = domain_id === domain.id ? await listVisibleUsers(apiDatabase(), caller, { name }) : [];
      return {
        status: 200,
        body: { users: users.map((user) => userView(user, baseUrl)), links: collectionLinks(`${baseUrl}/identity/v3/users`) },
      };
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
