import { createPublicKey, verify } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { expect, it, onTestFinished } from 'vitest';
import { region } from '../../../local/aws/arns.ts';
import { createKms } from '../../../local/aws/kms.ts';
import { startAws } from '../../../local/aws/server.ts';

const serve = async (keyFile: string | undefined) => {
  const kms = await createKms({ keyFile });
  const aws = await startAws({ services: [kms.service] });
  onTestFinished(() => aws.close());
  const client = new KMSClient({ endpoint: aws.url, region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } });
  onTestFinished(() => client.destroy());
  const publicKey = async () => {
    const { PublicKey, KeySpec } = await client.send(new GetPublicKeyCommand({ KeyId: kms.keyArn }));
    expect(KeySpec).toBe('ECC_NIST_P256');
    return createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' });
  };
  const sign = async (Message: Uint8Array) => {
    const request = { KeyId: kms.keyArn, Message, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    return (await client.send(new SignCommand(request))).Signature ?? new Uint8Array();
  };
  return { client, publicKey, sign };
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

it('a key in a file is private and outlives the service', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cellzero-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const keyFile = join(folder, 'keys', 'token-key.pem');
  const first = await serve(keyFile);
  expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
  const message = Buffer.from('signed before the restart');
  const signature = await first.sign(message);
  const second = await serve(keyFile);
  expect(verify('sha256', message, await second.publicKey(), signature)).toBe(true);
});

it('refuses what the cloud refuses', async () => {
  const { client, sign } = await serve(undefined);
  await expect(client.send(new GetPublicKeyCommand({ KeyId: 'another' }))).rejects.toMatchObject({
    name: 'NotFoundException',
    $metadata: { httpStatusCode: 400 },
  });
  await expect(sign(Buffer.alloc(4_097, 'x'))).rejects.toMatchObject({ name: 'ValidationException' });
});
