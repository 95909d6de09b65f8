/** Key pairs: users bring their public keys, or (before microversion 2.92) have a pair made whose private key is returned once and kept nowhere. */
import { X509Certificate } from 'node:crypto';
import type { Caller } from '../../common/caller.ts';
import { BadRequest, Conflict, Forbidden, NotFound } from '../../common/errors.ts';
import { authorizeOwner } from '../../common/policy.ts';
import {
  createKeyPair as insertKeyPair,
  type KeyPair,
  type NewKeyPair,
  deleteKeyPair as removeKeyPair,
  findKeyPair as selectKeyPair,
  listKeyPairs as selectKeyPairs,
} from '../../database/api/keypairs.ts';
import type { Database } from '../../database/data-api/client.ts';
import { quotaDefaults } from '../quotas/quotas.ts';
import { generateSshKeyPair, NoSshKey, sshFingerprint } from './public-keys.ts';

export type { KeyPair };

/** In bytes. A boot reads the key pair in one row with its flavor and its image, and a row of the Data API holds 64 KB. */
const longestPublicKey = 16_384;

/**
 * Keeps the public key under a name, or makes a pair when none is given.
 * @returns the private key only of a pair that was made.
 * @throws Forbidden for another user's, and when there are too many; BadRequest when it is no key; Conflict when the name is taken.
 */
export async function createKeyPair(
  api: Database,
  caller: Caller,
  requestId: string,
  { publicKey, ...given }: Pick<NewKeyPair, 'user_id' | 'name' | 'type'> & { publicKey: string | undefined },
): Promise<{ keyPair: KeyPair; privateKey: string | undefined }> {
  authorizeOwner(caller, 'os_compute_api:os-keypairs:create', { userId: given.user_id });
  if (publicKey === undefined && given.type === 'x509') throw invalid('a certificate is never generated here, public_key must hold one');
  const pair = publicKey === undefined ? await generateSshKeyPair() : { publicKey, privateKey: undefined };
  const added = await insertKeyPair(
    api,
    { ...given, public_key: pair.publicKey, fingerprint: fingerprint(given.type, pair.publicKey) },
    { id: requestId, projectId: caller.projectId },
    quotaDefaults.key_pairs,
  );
  if (added.keyPair) return { keyPair: added.keyPair, privateKey: pair.privateKey };
  if (added.full) throw new Forbidden('Quota exceeded, too many key pairs.');
  throw new Conflict(`Key pair '${given.name}' already exists.`);
}

/**
 * Lists a user's key pairs by name; without a limit all of them.
 * @throws Forbidden for another user's, BadRequest when the marker is none of them.
 */
export async function listKeyPairs(
  api: Database,
  caller: Caller,
  userId: string,
  page: { marker: string | null; limit: number | null },
): Promise<KeyPair[]> {
  authorizeOwner(caller, 'os_compute_api:os-keypairs:index', { userId });
  const keyPairs = await selectKeyPairs(api, userId, page);
  if (!keyPairs) throw new BadRequest(`marker [${page.marker}] not found`);
  return keyPairs;
}

/** @throws Forbidden for another user's, NotFound. */
export async function findKeyPair(api: Database, caller: Caller, userId: string, name: string): Promise<KeyPair> {
  authorizeOwner(caller, 'os_compute_api:os-keypairs:show', { userId });
  const keyPair = await selectKeyPair(api, userId, name);
  if (!keyPair) throw notFound(userId, name);
  return keyPair;
}

/** @throws Forbidden for another user's, NotFound. */
export async function deleteKeyPair(api: Database, caller: Caller, userId: string, name: string): Promise<void> {
  authorizeOwner(caller, 'os_compute_api:os-keypairs:delete', { userId });
  if (!(await selectKeyPair(api, userId, name))) throw notFound(userId, name);
  await removeKeyPair(api, userId, name);
}

function notFound(userId: string, name: string): NotFound {
  return new NotFound(`Keypair ${name} not found for user ${userId}`);
}

function invalid(reason: string, cause?: unknown): BadRequest {
  return new BadRequest(`Keypair data is invalid: ${reason}`, { cause });
}

function fingerprint(type: NewKeyPair['type'], publicKey: string): string {
  if (Buffer.byteLength(publicKey) > longestPublicKey) throw invalid(`public_key is longer than ${longestPublicKey} bytes`);
  return type === 'ssh' ? keyFingerprint(publicKey) : certificateFingerprint(publicKey);
}

function keyFingerprint(publicKey: string): string {
  try {
    return sshFingerprint(publicKey);
  } catch (error) {
    if (error instanceof NoSshKey) throw invalid('failed to generate fingerprint', error);
    throw error;
  }
}

function certificateFingerprint(certificate: string): string {
  try {
    return new X509Certificate(certificate).fingerprint.toLowerCase();
  } catch (error) {
    throw invalid('failed to generate X509 fingerprint. Error message: the certificate cannot be read', error);
  }
}
