/**
 * The two operations of KMS that tokens need, with one P-256 key. KMS signs digests as well as messages and `node:crypto` does not, so the signature is
 * made here from the curve's arithmetic: r is the x of k·G, s is (digest + r·d) / k.
 */

import { createECDH, createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { keyArn } from './arns.ts';
import { AwsError, type AwsService } from './aws.ts';

/** A key management service with one key, to be served by `startAws`. */
export interface Kms {
  readonly service: AwsService;
  /** ARN of the key; requests may name it by this or by its last part. */
  readonly keyArn: string;
}

const keyId = '00000000-0000-4000-8000-000000000001';
const keySpec = 'ECC_NIST_P256';
const algorithm = 'ECDSA_SHA_256';

const digestBytes = 32;
const longestMessage = 4_096;

/** Order of the group of P-256. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const signRequest = z.object({
  KeyId: z.string(),
  Message: z.base64().min(1),
  MessageType: z.enum(['RAW', 'DIGEST']).default('RAW'),
  SigningAlgorithm: z.string(),
});
const keyRequest = z.object({ KeyId: z.string() });

/** Makes the service. With a file the key outlives the process, readable by its owner alone; without one it does not. */
export async function createKms({ keyFile }: { keyFile: string | undefined }): Promise<Kms> {
  const key = keyFile === undefined ? newKey() : await keptKey(keyFile);
  const secret = BigInt(`0x${Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url').toString('hex')}`);
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
      const digest = digestOf(Buffer.from(request.Message, 'base64'), request.MessageType);
      return { KeyId: arn, Signature: sign(digest, secret).toString('base64'), SigningAlgorithm: algorithm };
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

function digestOf(message: Buffer, type: 'RAW' | 'DIGEST'): Buffer {
  if (type === 'DIGEST') {
    if (message.length !== digestBytes) throw new AwsError('ValidationException', 'Digest is invalid length for algorithm ECDSA_SHA_256.');
    return message;
  }
  if (message.length > longestMessage) throw new AwsError('ValidationException', 'Member must have length less than or equal to 4096');
  return createHash('sha256').update(message).digest();
}

/** Gives the DER form of an ECDSA signature of a digest. */
function sign(digest: Buffer, secret: bigint): Buffer {
  const z = BigInt(`0x${digest.toString('hex')}`);
  for (;;) {
    const random = randomBytes(digestBytes);
    const k = BigInt(`0x${random.toString('hex')}`);
    if (k === 0n || k >= order) continue;
    const point = createECDH('prime256v1');
    point.setPrivateKey(random);
    // An uncompressed point is a marker, x and y.
    const r = BigInt(`0x${point.getPublicKey('hex').slice(2, 2 + 2 * digestBytes)}`) % order;
    const s = (inverse(k) * (z + r * secret)) % order;
    if (r !== 0n && s !== 0n) return sequence(derInteger(r), derInteger(s));
  }
}

/** The inverse modulo the order, by Fermat: a to the power of order - 2. */
function inverse(a: bigint): bigint {
  let result = 1n;
  let base = a;
  for (let exponent = order - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % order;
    base = (base * base) % order;
  }
  return result;
}

function derInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  // A leading bit of 1 would make it negative.
  const padded = (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
  return Buffer.concat([Buffer.of(0x02, padded.length), padded]);
}

function sequence(...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}
