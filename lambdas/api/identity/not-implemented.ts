/** What Keystone has and this service has not: users and projects are made by operators, and have one of three roles in one domain. */
import { type UnbuiltPath, unbuiltRoutes } from '../http/routing/refusing-route.ts';

const change = ['PATCH', 'DELETE'] as const;

const paths: readonly UnbuiltPath[] = [
  ['/v3/auth/domains', ['GET']],
  ['/v3/auth/system', ['GET']],
  ['/v3/auth/tokens', ['DELETE']],

  ['/v3/projects', ['POST']],
  ['/v3/projects/{id}', change],
  ['/v3/projects/{id}/groups/{item}/roles', ['GET']],
  ['/v3/projects/{id}/groups/{item}/roles/{role}', ['GET', 'PUT', 'DELETE']],
  ['/v3/projects/{id}/tags', ['GET', 'PUT', 'DELETE']],
  ['/v3/projects/{id}/tags/{item}', ['GET', 'PUT', 'DELETE']],
  ['/v3/projects/{id}/users/{item}/roles', ['GET']],
  ['/v3/projects/{id}/users/{item}/roles/{role}', ['GET', 'PUT', 'DELETE']],

  ['/v3/users', ['POST']],
  ['/v3/users/{id}', change],
  ['/v3/users/{id}/access_rules', ['GET']],
  ['/v3/users/{id}/access_rules/{item}', ['GET', 'DELETE']],
  ['/v3/users/{id}/application_credentials', ['GET', 'POST']],
  ['/v3/users/{id}/application_credentials/{item}', ['GET', 'DELETE']],
  ['/v3/users/{id}/credentials/OS-EC2', ['GET', 'POST']],
  ['/v3/users/{id}/credentials/OS-EC2/{item}', ['GET', 'DELETE']],
  ['/v3/users/{id}/groups', ['GET']],
  ['/v3/users/{id}/password', ['POST']],
  ['/v3/users/{id}/projects', ['GET']],

  ['/v3/credentials', ['GET', 'POST']],
  ['/v3/credentials/{id}', ['GET', ...change]],
  ['/v3/domains', ['GET', 'POST']],
  ['/v3/domains/{id}', ['GET', ...change]],
  ['/v3/endpoints', ['GET', 'POST']],
  ['/v3/endpoints/{id}', ['GET', ...change]],
  ['/v3/groups', ['GET', 'POST']],
  ['/v3/groups/{id}', ['GET', ...change]],
  ['/v3/groups/{id}/users', ['GET']],
  ['/v3/groups/{id}/users/{item}', ['GET', 'PUT', 'DELETE']],
  ['/v3/regions', ['GET', 'POST']],
  ['/v3/regions/{id}', ['GET', 'PUT', ...change]],
  ['/v3/role_assignments', ['GET']],
  ['/v3/roles', ['GET', 'POST']],
  ['/v3/roles/{id}', ['GET', ...change]],
  ['/v3/services', ['GET', 'POST']],
  ['/v3/services/{id}', ['GET', ...change]],
];

/** Routes that answer 501. */
export const notImplementedRoutes = unbuiltRoutes(paths);
