/**
 * What a client sends for the inside of a guest, a password and files, is sealed where it comes in and opened by the driver that puts it there; all between,
 * databases too, hold ciphertext. It is a JWE (RFC 7516) in its compact form: AES-256-GCM under a key of its own, which RSA-OAEP wraps for the one who may
 * open it. Its header names what it was sealed for, so it cannot be handed to another server.
 */
import { constants, createCipheriv, createDecipheriv, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto';
import * as z from 'zod';

const schema = z.object({
  admin_password: z.string(),
  files: z.array(z.object({ path: z.string(), contents: z.base64() })),
});

/** What a client sends for the inside of a guest; contents of files are in base64. */
export type Secrets = z.infer<typeof schema>;

/** Secrets that only a driver opens. */
export interface SealedSecrets {
  sealed: string;
  /** What they were sealed for: servers of one request have the same, and each task has its own. */
  context: string;
}

/** Seals secrets for a context. */
export type Seal = (context: string) => string;

/** Returns for what the secrets of a task are sealed. */
export function taskContext(server: string, requestId: string): string {
  return `${server} ${requestId}`;
}

/** Returns secrets sealed for the owner of an RSA key, in the context alone. */
export function sealSecrets(publicKey: KeyObject, secrets: Secrets, context: string): string {
  const key = randomBytes(32);
  const iv = randomBytes(12);
  const header = headerOf(context);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(header));
  const text = Buffer.concat([cipher.update(JSON.stringify(secrets)), cipher.final()]);
  const wrapped = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, key);
  return [header, ...[wrapped, iv, text, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.');
}

/**
 * Opens secrets.
 * @param unwrap returns the key that RSA-OAEP with SHA-256 has wrapped.
 * @throws Error when they were sealed for another context or changed since, and what `unwrap` throws.
 */
export async function openSecrets(unwrap: (wrapped: Buffer) => Promise<Buffer>, { sealed, context }: SealedSecrets): Promise<Secrets> {
  const [header, ...parts] = sealed.split('.');
  if (header !== headerOf(context)) throw new Error(`these secrets were not sealed for ${context}`);
  const [wrapped, iv, text, tag] = z.tuple([part, part, part, part]).parse(parts);
  const decipher = createDecipheriv('aes-256-gcm', await unwrap(wrapped), iv, { authTagLength: 16 })
    .setAAD(Buffer.from(header))
    .setAuthTag(tag);
  return schema.parse(JSON.parse(Buffer.concat([decipher.update(text), decipher.final()]).toString()));
}

const part = z.string().transform((text) => Buffer.from(text, 'base64url'));

function headerOf(context: string): string {
  return Buffer.from(JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM', context })).toString('base64url');
}
