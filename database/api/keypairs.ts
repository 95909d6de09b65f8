/** Key pairs belong to users, not to projects; a name is theirs once. */
import { type Database, query, queryDocuments } from '../data-api/client.ts';

/** A key pair; of an x509 one the public key is a certificate. */
export interface KeyPair {
  id: number;
  user_id: string;
  name: string;
  type: 'ssh' | 'x509';
  /** Hex digits in pairs: MD5 of the key (ssh), SHA-1 of the certificate (x509). */
  fingerprint: string;
  public_key: string;
  created_at: string;
  updated_at: string | null;
}

/** A key pair before it has a row. */
export type NewKeyPair = Pick<KeyPair, 'user_id' | 'name' | 'type' | 'fingerprint' | 'public_key'>;

/** SQL of a key pair's document, over `key_pairs k`; for a boot, too, which looks for `:key_name` among those of `:user_id`. */
export const keyPairDocument = (keyPair: string) => `to_jsonb(${keyPair}) - 'request_id'`;

/**
 * Adds a key pair, unless its user has as many as the project of the request allows, or has one of that name.
 * @param request its id shows a statement that is sent twice that the key pair is there because of itself.
 * @param fallback the limit where the project has none of its own; -1 is unlimited.
 * @returns no key pair when it was not added, because there were too many (`full`) or because of its name.
 */
export async function createKeyPair(
  api: Database,
  keyPair: NewKeyPair,
  request: { id: string; projectId: string },
  fallback: number,
): Promise<{ keyPair: KeyPair | null; full: boolean }> {
  const [row] = await query<{ keyPair: KeyPair | null; full: boolean }>(
    api,
    `with used as (select count_key_pairs(:user_id) as count),
     quota as (select count, quota_limit(:project_id, 'key_pairs', :fallback::int) as hard_limit from used),
     mine as (select k.* from key_pairs k where user_id = :user_id and name = :name and request_id = :request_id),
     made as (
       insert into key_pairs (user_id, name, type, fingerprint, public_key, request_id)
       select :user_id, :name, :type, :fingerprint, :public_key, :request_id from quota where hard_limit < 0 or count < hard_limit
       on conflict (user_id, name) do nothing
       returning *)
     select (select ${keyPairDocument('k')} from (select * from made union all select * from mine) k) as "keyPair",
       hard_limit >= 0 and count >= hard_limit as full
     from quota`,
    { ...keyPair, project_id: request.projectId, request_id: request.id, fallback },
  );
  if (!row) throw new Error('a count returns one row');
  return row;
}

/** Returns a page of a user's key pairs by name, all of them without a limit, or undefined when the marker is none of them. */
export async function listKeyPairs(
  api: Database,
  userId: string,
  { marker, limit }: { marker: string | null; limit: number | null },
): Promise<KeyPair[] | undefined> {
  const found = new Map<string, KeyPair>();
  for (let from = marker, more = true; more; ) {
    // A page begins with its marker, so that one read says whether the marker exists.
    const { documents, truncated } = await queryDocuments<KeyPair>(
      api,
      `select k.name as key, ${keyPairDocument('k')} as doc from key_pairs k
       where user_id = :user_id and (:from::text is null or name >= :from)
       order by name limit :limit::int`,
      { user_id: userId, from, limit: limit === null ? null : limit + 1 },
    );
    for (const [name, keyPair] of documents) {
      found.set(name, keyPair);
      from = name;
    }
    more = truncated;
  }
  const keyPairs = [...found.values()];
  if (marker === null) return keyPairs.slice(0, limit ?? keyPairs.length);
  return found.has(marker) ? keyPairs.slice(1, 1 + (limit ?? keyPairs.length)) : undefined;
}

/** Returns a key pair by its user and its name. */
export async function findKeyPair(api: Database, userId: string, name: string): Promise<KeyPair | undefined> {
  const [row] = await query<{ doc: KeyPair }>(
    api,
    `select ${keyPairDocument('k')} as doc from key_pairs k where user_id = :user_id and name = :name`,
    { user_id: userId, name },
  );
  return row?.doc;
}

/** Removes a key pair; servers keep their copy of the public key. */
export async function deleteKeyPair(api: Database, userId: string, name: string): Promise<void> {
  await query(api, 'delete from key_pairs where user_id = :user_id and name = :name', { user_id: userId, name });
}
