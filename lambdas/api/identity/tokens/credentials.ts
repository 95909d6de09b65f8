/** The body of a login, as Keystone v3 defines it: how somebody is known, and for which project. */
import * as z from 'zod';
import type { Scope, UserKey } from '../../../../identity/authentication.ts';
import { isOurDomain } from '../shared/domain.ts';

const domainReference = z.object({ id: z.string().optional(), name: z.string().optional() });
const reference = { id: z.string().optional(), name: z.string().optional(), domain: domainReference.optional() };

/** The schema of `POST /v3/auth/tokens`. */
export const credentialsSchema = z.object({
  auth: z.object({
    identity: z.object({
      methods: z.array(z.string()).min(1),
      password: z.object({ user: z.object({ ...reference, password: z.string() }) }).optional(),
      token: z.object({ id: z.string() }).optional(),
    }),
    scope: z
      .union([
        z.literal('unscoped'),
        z.object({
          project: z.object(reference).optional(),
          unscoped: z.object({}).optional(),
          domain: z.unknown().optional(),
          system: z.unknown().optional(),
        }),
      ])
      .optional(),
  }),
});

export type Credentials = z.infer<typeof credentialsSchema>['auth'];

interface Reference {
  id?: string | undefined;
  name?: string | undefined;
  domain?: { id?: string | undefined; name?: string | undefined } | undefined;
}

/** Returns the user or project that is meant; none when it is in a domain that is not ours or not named at all. */
export function keyOf({ id, name, domain }: Reference): UserKey | undefined {
  if (id !== undefined) return { id };
  return name !== undefined && domain && isOurDomain(domain) ? { name } : undefined;
}

/** Returns the scope asked for; `impossible` is one that nobody has here (a domain, the system). */
export function scopeOf(scope: Credentials['scope']): { scope: Scope } | 'impossible' {
  if (scope === undefined) return { scope: undefined };
  if (scope === 'unscoped' || 'unscoped' in scope) return { scope: 'unscoped' };
  const project = scope.project && keyOf(scope.project);
  return project ? { scope: project } : 'impossible';
}
