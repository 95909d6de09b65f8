/**
 * Tokens are Keystone's JWS: signed by a KMS key that nobody can read, checked here with its public half and without any call. The claims carry names
 * and roles, so that knowing the caller needs no database; the price is that a token outlives a change of roles by up to its hour.
 */
import { createPublicKey, verify } from 'node:crypto';
import * as z from 'zod';
import { setting } from '../../../shared/environment.ts';

/** A text that is no token of ours, or not any more. */
export class InvalidToken extends Error {
  override name = 'InvalidToken';
}

/** Something with an id and a name; users, projects and roles are. */
export interface Named {
  id: string;
  name: string;
}

/** Whom a token speaks for. */
export interface TokenSubject {
  user: Named;
  /** null when the token is for no project; it has no roles then. */
  project: Named | null;
  roles: Named[];
  /** How the user proved it: `password`, `token`. */
  methods: string[];
}

/** What a valid token says. */
export interface Token extends TokenSubject {
  auditIds: string[];
  issuedAt: Date;
  expiresAt: Date;
}

const named = z.object({ id: z.string(), name: z.string() });
const claimsSchema = z.object({
  sub: z.string(),
  iat: z.int(),
  exp: z.int(),
  openstack_methods: z.array(z.string()),
  openstack_audit_ids: z.array(z.string()),
  openstack_project_id: z.string().optional(),
  user_name: z.string(),
  project_name: z.string().optional(),
  roles: z.array(named),
});

/** What stands in a token. */
export type Claims = z.infer<typeof claimsSchema>;

/** The first part of every token, to the letter: what says that it is signed in another way, or not at all, is none of ours. */
export const tokenHeader = base64url(JSON.stringify({ typ: 'JWT', alg: 'ES256' }));

/** A client sends the same token for an hour, and checking a signature costs as much as the rest of a request's way to its handler. */
const verified = new Map<string, Token>();
const mostVerified = 1_000;

/**
 * Checks signature and life of a token.
 * @throws InvalidToken when it is not ours or has ended.
 */
export function verifyToken(text: string): Token {
  const known = verified.get(text);
  if (known && known.expiresAt.getTime() > Date.now()) return known;
  const token = readToken(text);
  if (verified.size >= mostVerified) verified.clear();
  verified.set(text, token);
  return token;
}

function readToken(text: string): Token {
  const [header, claims = '', signature = '', ...more] = text.split('.');
  if (header !== tokenHeader || more.length > 0) throw new InvalidToken('not a token');
  const key = createPublicKey({ key: setting('TOKEN_PUBLIC_KEY'), encoding: 'base64', format: 'der', type: 'spki' });
  // A JWS has both halves of the signature side by side (RFC 7518, 3.4).
  const how = { key, dsaEncoding: 'ieee-p1363' } as const;
  const signed = verify('sha256', Buffer.from(`${header}.${claims}`), how, Buffer.from(signature, 'base64url'));
  if (!signed) throw new InvalidToken('another signature');
  // One of a release with other claims is signed as well.
  const { data } = claimsSchema.safeParse(JSON.parse(Buffer.from(claims, 'base64url').toString()));
  if (!data || data.exp * 1_000 <= Date.now()) throw new InvalidToken('other claims, or its life is over');
  return toToken(data);
}

/** Returns what claims say. */
export function toToken(claims: Claims): Token {
  const { openstack_project_id: id, project_name: name = '' } = claims;
  return {
    user: { id: claims.sub, name: claims.user_name },
    project: id === undefined ? null : { id, name },
    roles: claims.roles,
    methods: claims.openstack_methods,
    auditIds: claims.openstack_audit_ids,
    issuedAt: new Date(claims.iat * 1000),
    expiresAt: new Date(claims.exp * 1000),
  };
}

/** Returns a text as the parts of a token are written. */
export function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
