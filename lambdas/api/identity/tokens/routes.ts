/** Tokens: given for a password or another token, shown, and what goes with them. */
import * as z from 'zod';
import { Forbidden, NotFound } from '../../../../common/errors.ts';
import { authorizeOwner, type Rule } from '../../../../common/policy.ts';
import { authenticateWithPassword, type Principal, rescope, type Scope } from '../../../../identity/authentication.ts';
import { listProjectsOf } from '../../../../identity/projects.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { unauthorized } from '../../http/pipeline/http-error.ts';
import { type ApiRequest, publicRoute, type Route, route } from '../../http/routing/route.ts';
import { issueToken } from '../../http/tokens/issue-token.ts';
import { InvalidToken, type Token, verifyToken } from '../../http/tokens/token.ts';
import { projectView } from '../projects/routes.ts';
import { collectionLinks } from '../shared/collection-links.ts';
import { catalog } from './catalog.ts';
import { type Credentials, credentialsSchema, keyOf, scopeOf } from './credentials.ts';
import { tokenView } from './view.ts';

const querySchema = z.object({ nocatalog: z.array(z.string()).optional() });
type Query = z.infer<typeof querySchema>;

/** Everything below `/v3/auth`. */
export const tokenRoutes: readonly Route[] = [
  publicRoute({
    method: 'POST',
    path: '/v3/auth/tokens',
    body: () => credentialsSchema,
    query: () => querySchema,
    async handle({ body, baseUrl, query }) {
      const issued = await login(body.auth);
      if (!issued) throw unauthorized(baseUrl);
      return {
        status: 201,
        body: tokenView(issued.token, catalogBase(query, baseUrl)),
        headers: { 'X-Subject-Token': issued.text, Vary: 'X-Auth-Token' },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/tokens',
    policy: 'identity:validate_token',
    toOthers: 'forbidden',
    query: () => querySchema,
    async handle(request) {
      const { text, token } = await subject(request, 'identity:validate_token');
      return {
        status: 200,
        body: tokenView(token, catalogBase(request.query, request.baseUrl)),
        headers: { 'X-Subject-Token': text, Vary: 'X-Auth-Token' },
      };
    },
  }),
  route({
    method: 'HEAD',
    path: '/v3/auth/tokens',
    policy: 'identity:check_token',
    toOthers: 'forbidden',
    async handle(request) {
      const { text } = await subject(request, 'identity:check_token');
      return { status: 200, headers: { 'X-Subject-Token': text, Vary: 'X-Auth-Token' } };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/catalog',
    policy: 'identity:get_auth_catalog',
    toOthers: 'shared',
    async handle({ baseUrl, caller }) {
      if (caller.projectId === '') throw new Forbidden('A project-scoped token is required to produce a service catalog.');
      return { status: 200, body: { catalog: catalog(baseUrl), links: collectionLinks(`${baseUrl}/identity/v3/auth/catalog`) } };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/projects',
    policy: 'identity:get_auth_projects',
    toOthers: 'own',
    async handle({ baseUrl, caller }) {
      const projects = await listProjectsOf(apiDatabase(), caller.userId);
      return {
        status: 200,
        body: {
          projects: projects.map((project) => projectView(project, baseUrl)),
          links: collectionLinks(`${baseUrl}/identity/v3/auth/projects`),
        },
      };
    },
  }),
];

/** Returns a token for good credentials; nothing for others, whatever is wrong with them. */
async function login(auth: Credentials): Promise<{ text: string; token: Token } | undefined> {
  const { identity } = auth;
  const [method, ...more] = identity.methods;
  const asked = scopeOf(auth.scope);
  if (asked === 'impossible' || more.length > 0) return undefined;
  if (method === 'token' && identity.token) return loginWithToken(identity.token.id, asked.scope);
  if (method !== 'password' || !identity.password) return undefined;
  const { password, ...reference } = identity.password.user;
  const user = keyOf(reference);
  const principal = user && (await authenticateWithPassword(apiDatabase(), user, password, asked.scope));
  return principal && issueToken({ ...principal, methods: ['password'] });
}

/** A token for another scope lives no longer than the one it was asked with. */
async function loginWithToken(text: string, scope: Scope): Promise<{ text: string; token: Token } | undefined> {
  const previous = await knownToken(text);
  const principal: Principal | undefined = previous && (await rescope(apiDatabase(), previous.user.id, scope));
  return principal && issueToken({ ...principal, methods: [...new Set(['token', ...(previous?.methods ?? [])])] }, previous);
}

/**
 * Returns the token that the request asks about.
 * @throws NotFound when it is not valid, Forbidden when it is another user's and the caller is no admin.
 */
async function subject({ caller, headers }: ApiRequest<unknown, unknown>, rule: Rule): Promise<{ text: string; token: Token }> {
  const text = headers['x-subject-token'] ?? '';
  const token = knownToken(text);
  if (!token) throw new NotFound('Could not find token.');
  authorizeOwner(caller, rule, { userId: token.user.id });
  return { text, token };
}

function knownToken(text: string): Token | undefined {
  try {
    return verifyToken(text);
  } catch (error) {
    if (error instanceof InvalidToken) return undefined;
    throw error;
  }
}

function catalogBase(query: Query, baseUrl: string): string | undefined {
  return query.nocatalog ? undefined : baseUrl;
}
