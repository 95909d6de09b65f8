import { constants, createPublicKey, publicEncrypt, verify } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DecryptCommand, GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { expect, it, onTestFinished } from 'vitest';
import { region } from '../../../local/aws/arns.ts';
import { createKms } from '../../../local/aws/kms.ts';
import { startAws } from '../../../local/aws/server.ts';

const serve = async (folder: string | undefined) => {
  const kms = await createKms({ folder });
  const aws = await startAws({ services: [kms.service] });
  onTestFinished(() => aws.close());
  const client = new KMSClient({ endpoint: aws.url, region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } });
  onTestFinished(() => client.destroy());
  const publicKey = async () => {
    const { PublicKey, KeySpec } = await client.send(new GetPublicKeyCommand({ KeyId: kms.token.keyArn }));
    expect(KeySpec).toBe('ECC_NIST_P256');
    return createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' });
  };
  const sign = async (Message: Uint8Array) => {
    const request = { KeyId: kms.token.keyArn, Message, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    return (await client.send(new SignCommand(request))).Signature ?? new Uint8Array();
  };
  /** Encrypts with the public half of the key for secrets, as functions do, and has it decrypted. */
  const decrypt = async (
    text: string,
    change: { KeyId?: string; EncryptionAlgorithm?: 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256' } = {},
  ) => {
    const key = createPublicKey({ key: Buffer.from(kms.secrets.publicKey, 'base64'), format: 'der', type: 'spki' });
    const CiphertextBlob = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, Buffer.from(text));
    const request = { KeyId: kms.secrets.keyArn, CiphertextBlob, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256', ...change } as const;
    return Buffer.from((await client.send(new DecryptCommand(request))).Plaintext ?? []).toString();
  };
  return { kms, client, publicKey, sign, decrypt };
};

it('signatures verify', async () => {
  const { publicKey, sign } = await serve(undefined);
  const key = await publicKey();
  for (let round = 0; round < 20; round += 1) {
    const message = Buffer.from(`message ${round}`);
    expect(verify('sha256', message, key, await sign(message))).toBe(true);
    expect(verify('sha256', Buffer.from('another'), key, await sign(message))).toBe(false);
  }
});

it('opens what was encrypted with the public half, and nothing else', async () => {
  const { kms, decrypt } = await serve(undefined);
  expect(await decrypt('a key')).toBe('a key');
  await expect(decrypt('a key', { EncryptionAlgorithm: 'RSAES_OAEP_SHA_1' })).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
  await expect(decrypt('a key', { KeyId: kms.token.keyArn })).rejects.toMatchObject({ name: 'InvalidKeyUsageException' });
});

it('keys in files are private and outlive the service', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cellzero-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const keys = join(folder, 'keys');
  const first = await serve(keys);
  for (const file of ['token-key.pem', 'secrets-key.pem']) expect((await stat(join(keys, file))).mode & 0o777).toBe(0o600);
  const message = Buffer.from('signed before the restart');
  const signature = await first.sign(message);
  const second = await serve(keys);
  expect(verify('sha256', message, await second.publicKey(), signature)).toBe(true);
  expect(second.kms.secrets).toEqual(first.kms.secrets);
});

it('refuses what the cloud refuses', async () => {
  const { client, sign } = await serve(undefined);
  await expect(client.send(new GetPublicKeyCommand({ KeyId: 'another' }))).rejects.toMatchObject({
    name: 'NotFoundException',
    $metadata: { httpStatusCode: 400 },
  });
  await expect(sign(Buffer.alloc(4_097, 'x'))).rejects.toMatchObject({ name: 'ValidationException' });
});
