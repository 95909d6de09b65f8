/**
 * Tokens are Keystone's JWS: signed by a KMS key that nobody can read, checked here with its public half and without any call. The claims carry names
 * and roles, so that knowing the caller needs no database; the price is that a token outlives a change of roles by up to its hour.
 */
import { createPublicKey } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
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

/** A client sends the same token for an hour, and checking a signature costs as much as the rest of a request's way to its handler. */
const verified = new Map<string, Token>();
const mostVerified = 1_000;

/**
 * Checks signature and life of a token.
 * @throws InvalidToken when it is not ours or has ended.
 */
export async function verifyToken(text: string): Promise<Token> {
  const known = verified.get(text);
  if (known && known.expiresAt.getTime() > Date.now()) return known;
  const token = await verify(text);
  if (verified.size >= mostVerified) verified.clear();
  verified.set(text, token);
  return token;
}

async function verify(text: string): Promise<Token> {
  const key = createPublicKey({ key: setting('TOKEN_PUBLIC_KEY'), encoding: 'base64', format: 'der', type: 'spki' });
  try {
    const { payload } = await jwtVerify(text, key, { algorithms: ['ES256'], requiredClaims: ['sub', 'iat', 'exp'] });
    return toToken(claimsSchema.parse(payload));
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof z.ZodError) throw new InvalidToken('invalid token', { cause: error });
    throw error;
  }
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
