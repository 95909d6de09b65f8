/** A token as Keystone shows it. */
import type { Token } from '../../http/tokens/token.ts';
import { domain } from '../shared/domain.ts';
import { catalog } from './catalog.ts';

/** Returns the body of an answer about a token; the catalog only of a token for a project, when `baseUrl` is given. */
export function tokenView(token: Token, baseUrl?: string): object {
  return {
    token: {
      methods: token.methods,
      user: { ...token.user, domain, password_expires_at: null },
      audit_ids: token.auditIds,
      expires_at: keystoneTime(token.expiresAt),
      issued_at: keystoneTime(token.issuedAt),
      ...(token.project && {
        project: { ...token.project, domain },
        is_domain: false,
        roles: token.roles,
        ...(baseUrl !== undefined && { catalog: catalog(baseUrl) }),
      }),
    },
  };
}

/** Keystone prints microseconds. */
function keystoneTime(time: Date): string {
  return time.toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
