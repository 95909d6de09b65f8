/**
 * The two operations of KMS that tokens need, with one P-256 key. Messages are signed, digests are not: nobody here has one.
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { keyArn } from './arns.ts';
import { AwsError, type AwsService } from './server.ts';

/** A key management service with one key, to be served by `startAws`. */
export interface Kms {
  readonly service: AwsService;
  /** ARN of the key; requests may name it by this or by its last part. */
  readonly keyArn: string;
  /** The public half of the key: SPKI in DER, as base64. */
  readonly publicKey: string;
}

const keyId = '00000000-0000-4000-8000-000000000001';
const keySpec = 'ECC_NIST_P256';
const algorithm = 'ECDSA_SHA_256';

const longestMessage = 4_096;

const signRequest = z.object({
  KeyId: z.string(),
  Message: z.base64().min(1),
  MessageType: z.literal('RAW').default('RAW'),
  SigningAlgorithm: z.string(),
});
const keyRequest = z.object({ KeyId: z.string() });

/** Makes the service. With a file the key outlives the process, readable by its owner alone; without one it does not. */
export async function createKms({ keyFile }: { keyFile: string | undefined }): Promise<Kms> {
  const key = keyFile === undefined ? newKey() : await keptKey(keyFile);
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
  const arn = keyArn(keyId);
  const known = new Set([arn, keyId]);

  const check = (id: string) => {
    if (!known.has(id)) throw new AwsError('NotFoundException', `Key '${id}' does not exist`);
  };
  const operations: Readonly<Record<string, (body: unknown) => object>> = {
    'TrentService.Sign': (body) => {
      const request = signRequest.parse(body);
      check(request.KeyId);
      if (request.SigningAlgorithm !== algorithm) {
        throw new AwsError('InvalidKeyUsageException', `Algorithm ${request.SigningAlgorithm} is incompatible with key spec ${keySpec}.`);
      }
      const message = Buffer.from(request.Message, 'base64');
      if (message.length > longestMessage) throw new AwsError('ValidationException', 'Member must have length less than or equal to 4096');
      return { KeyId: arn, Signature: sign('sha256', message, key).toString('base64'), SigningAlgorithm: algorithm };
    },
    'TrentService.GetPublicKey': (body) => {
      check(keyRequest.parse(body).KeyId);
      return {
        KeyId: arn,
        PublicKey: publicKey,
        CustomerMasterKeySpec: keySpec,
        KeySpec: keySpec,
        KeyUsage: 'SIGN_VERIFY',
        SigningAlgorithms: [algorithm],
      };
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
    keyArn: arn,
    publicKey,
    service: ({ target, body }) => {
      const operation = operations[target];
      return operation && answer(operation, body);
    },
  };
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

async function keptKey(file: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(file));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const key = newKey();
  await mkdir(dirname(file), { recursive: true });
  // Aside first: a kill while writing must not leave half a key.
  const fresh = `${file}.new`;
  await writeFile(fresh, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await rename(fresh, file);
  return key;
}
