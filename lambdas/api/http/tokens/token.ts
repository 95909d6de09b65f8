/**
 * Tokens are Keystone's JWS: signed by a KMS key that nobody can read, checked here with its public half and without any call. The claims carry names
 * and roles, so that knowing the caller needs no database; the price is that a token outlives a change of roles by up to its hour.
 */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { errors, jwtVerify } from 'jose';
import * as z from 'zod';
import { setting } from '../../../shared/environment.ts';
import { inTime } from '../../../shared/in-time.ts';
import { joseSignature } from './jose-signature.ts';

/** The life of a token in seconds. */
export const tokenLifetime = 3600;

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
type Claims = z.infer<typeof claimsSchema>;

const header = base64url(JSON.stringify({ typ: 'JWT', alg: 'ES256' }));

let kms: KMSClient | undefined;
const publicKeys = new Map<string, Promise<KeyObject>>();

/** A client sends the same token for an hour, and checking a signature costs as much as the rest of a request's way to its handler. */
const verified = new Map<string, Token>();
const mostVerified = 1_000;

/**
 * Signs a token. `previous` is the token that was used to ask for it: the new one continues its audit chain and ends no later.
 * @throws ServiceUnreachable when KMS does not sign.
 */
export async function issueToken(subject: TokenSubject, previous?: Token): Promise<{ text: string; token: Token }> {
  const issued = Math.floor(Date.now() / 1000);
  const expires = previous ? Math.floor(previous.expiresAt.getTime() / 1000) : issued + tokenLifetime;
  const chain = previous?.auditIds.at(-1);
  const auditIds = [randomBytes(16).toString('base64url'), ...(chain ? [chain] : [])];
  const claims: Claims = {
    sub: subject.user.id,
    iat: issued,
    exp: expires,
    openstack_methods: subject.methods,
    openstack_audit_ids: auditIds,
    openstack_project_id: subject.project?.id,
    user_name: subject.user.name,
    project_name: subject.project?.name,
    roles: subject.roles,
  };
  const content = `${header}.${base64url(JSON.stringify(claims))}`;
  return { text: `${content}.${await sign(content)}`, token: toToken(claims) };
}

/**
 * Checks signature and life of a token.
 * @throws InvalidToken when it is not ours or has ended; ServiceUnreachable when the public key cannot be had.
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
  const key = await publicKey(setting('TOKEN_KEY'));
  try {
    const { payload } = await jwtVerify(text, key, { algorithms: ['ES256'], requiredClaims: ['sub', 'iat', 'exp'] });
    return toToken(claimsSchema.parse(payload));
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof z.ZodError) throw new InvalidToken('invalid token', { cause: error });
    throw error;
  }
}

function toToken(claims: Claims): Token {
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

async function sign(content: string): Promise<string> {
  kms ??= new KMSClient();
  const client = kms;
  const command = new SignCommand({
    KeyId: setting('TOKEN_KEY'),
    Message: Buffer.from(content),
    MessageType: 'RAW',
    SigningAlgorithm: 'ECDSA_SHA_256',
  });
  const { Signature } = await inTime((options) => client.send(command, options));
  if (!Signature) throw new Error('KMS signs without a signature');
  return joseSignature(Signature);
}

/** Asked once a cold start; a failed call is not remembered. */
function publicKey(id: string): Promise<KeyObject> {
  const known = publicKeys.get(id);
  if (known) return known;
  const asked = fetchPublicKey(id);
  publicKeys.set(id, asked);
  asked.catch(() => publicKeys.delete(id));
  return asked;
}

async function fetchPublicKey(id: string): Promise<KeyObject> {
  kms ??= new KMSClient();
  const client = kms;
  const { PublicKey } = await inTime((options) => client.send(new GetPublicKeyCommand({ KeyId: id }), options));
  if (!PublicKey) throw new Error('KMS has no public key');
  return createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
