/** The operations of KMS that a deployment needs, with two keys: a P-256 key signs tokens, an RSA key opens what was encrypted with its public half. */

import { constants, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, privateDecrypt, sign } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { keyArn } from './arns.ts';
import { AwsError, type AwsService } from './server.ts';

/** A key, as functions know it. */
export interface KmsKey {
  /** Requests may name it by this or by its last part. */
  readonly keyArn: string;
  /** Its public half: SPKI in DER, as base64. */
  readonly publicKey: string;
}

/** A key management service, to be served by `startAws`. */
export interface Kms {
  readonly service: AwsService;
  readonly token: KmsKey;
  readonly secrets: KmsKey;
}

/** What AWS says of the keys. */
const tokenKey = {
  id: '00000000-0000-4000-8000-000000000001',
  description: { KeySpec: 'ECC_NIST_P256', CustomerMasterKeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  listed: 'SigningAlgorithms',
  algorithms: ['ECDSA_SHA_256'],
};
const secretsKey = {
  id: '00000000-0000-4000-8000-000000000002',
  description: { KeySpec: 'RSA_2048', CustomerMasterKeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' },
  listed: 'EncryptionAlgorithms',
  algorithms: ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'],
};

const longestMessage = 4_096;

const keyRequest = z.object({ KeyId: z.string() });
/** Messages are signed, digests are not: nobody here has one. */
const signRequest = z.object({
  KeyId: z.string(),
  Message: z.base64().min(1),
  MessageType: z.literal('RAW').default('RAW'),
  SigningAlgorithm: z.string(),
});
const decryptRequest = z.object({ KeyId: z.string(), CiphertextBlob: z.base64().min(1), EncryptionAlgorithm: z.string() });

/** Makes the service. With a folder the keys outlive the process, readable by its owner alone; without one they do not. */
export async function createKms({ folder }: { folder: string | undefined }): Promise<Kms> {
  const key = async (kind: typeof tokenKey | typeof secretsKey, file: string, make: () => Promise<KeyObject>) => {
    const privateKey = folder === undefined ? await make() : await keptKey(join(folder, file), make);
    const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64');
    return { ...kind, privateKey, publicKey, keyArn: keyArn(kind.id) };
  };
  const [token, secrets] = await Promise.all([
    key(tokenKey, 'token-key.pem', async () => (await generate('ec', { namedCurve: 'P-256' })).privateKey),
    key(secretsKey, 'secrets-key.pem', async () => (await generate('rsa', { modulusLength: 2_048 })).privateKey),
  ]);
  const find = (id: string) => {
    const found = [token, secrets].find((one) => id === one.keyArn || id === one.id);
    if (!found) throw new AwsError('NotFoundException', `Key '${id}' does not exist`);
    return found;
  };
  /** Returns the private half of the key, if that is of this kind. */
  const usable = (id: string, kind: typeof token, algorithm: string) => {
    const { description, privateKey, algorithms } = find(id);
    if (description === kind.description && algorithms.includes(algorithm)) return privateKey;
    throw new AwsError('InvalidKeyUsageException', `Algorithm ${algorithm} is incompatible with key spec ${description.KeySpec}.`);
  };
  const operations: Readonly<Record<string, (body: unknown) => object>> = {
    'TrentService.Sign': (body) => {
      const { KeyId, SigningAlgorithm, ...request } = signRequest.parse(body);
      const key = usable(KeyId, token, SigningAlgorithm);
      const message = Buffer.from(request.Message, 'base64');
      if (message.length > longestMessage) throw new AwsError('ValidationException', 'Member must have length less than or equal to 4096');
      return { KeyId: token.keyArn, Signature: sign('sha256', message, key).toString('base64'), SigningAlgorithm };
    },
    'TrentService.Decrypt': (body) => {
      const { KeyId, EncryptionAlgorithm, CiphertextBlob } = decryptRequest.parse(body);
      const key = usable(KeyId, secrets, EncryptionAlgorithm);
      const oaepHash = EncryptionAlgorithm === 'RSAES_OAEP_SHA_256' ? 'sha256' : 'sha1';
      try {
        const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
        const Plaintext = privateDecrypt(options, Buffer.from(CiphertextBlob, 'base64')).toString('base64');
        return { KeyId: secrets.keyArn, Plaintext, EncryptionAlgorithm };
      } catch {
        // Whatever is wrong with it, KMS does not say.
        throw new AwsError('InvalidCiphertextException', '');
      }
    },
    'TrentService.GetPublicKey': (body) => {
      const { keyArn, publicKey, description, listed, algorithms } = find(keyRequest.parse(body).KeyId);
      return { KeyId: keyArn, PublicKey: publicKey, ...description, [listed]: algorithms };
    },
  };

  const answer = async (operation: (body: unknown) => object, body: Buffer): Promise<string> => {
    try {
      return JSON.stringify(operation(JSON.parse(body.toString())));
    } catch (error) {
      if (error instanceof AwsError) throw error;
      throw new AwsError('ValidationException', error instanceof Error ? error.message : String(error));
    }
  };

  return {
    token,
    secrets,
    service: ({ target, body }) => {
      const operation = operations[target];
      return operation && answer(operation, body);
    },
  };
}

const generate = promisify(generateKeyPair);

async function keptKey(file: string, make: () => Promise<KeyObject>): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(file));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const key = await make();
  await mkdir(dirname(file), { recursive: true });
  // Aside first: a kill while writing must not leave half a key.
  const fresh = `${file}.new`;
  await writeFile(fresh, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await rename(fresh, file);
  return key;
}
