/** Only the identity service issues tokens: nothing else may ask KMS for a signature, nor carries its client. */
import { randomBytes } from 'node:crypto';
import { KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { setting } from '../../../shared/environment.ts';
import { inTime } from '../../../shared/in-time.ts';
import { joseSignature } from './jose-signature.ts';
import { base64url, type Claims, type Token, type TokenSubject, tokenHeader, toToken } from './token.ts';

/** The life of a token in seconds. */
export const tokenLifetime = 3600;

let kms: KMSClient | undefined;

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
  const content = `${tokenHeader}.${base64url(JSON.stringify(claims))}`;
  return { text: `${content}.${await sign(content)}`, token: toToken(claims) };
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
