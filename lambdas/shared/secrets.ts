/** Secrets for the inside of guests: sealed with the public half of a KMS key, without a call; opened by KMS, which alone has the other half. */
import { createPublicKey } from 'node:crypto';
import * as z from 'zod';
import * as guests from '../../compute/servers/secrets.ts';
import { setting } from './environment.ts';
import { sendSigned } from './signed-request.ts';

/** Returns what seals these secrets. */
export function sealOf(secrets: guests.Secrets): guests.Seal {
  const key = createPublicKey({ key: Buffer.from(setting('SECRETS_PUBLIC_KEY'), 'base64'), format: 'der', type: 'spki' });
  return (context) => guests.sealSecrets(key, secrets, context);
}

/**
 * Opens secrets by a call of KMS.
 * @throws ServiceUnreachable when KMS does not answer in time, or does not open them; Error when they were sealed for another context.
 */
export function openSecrets(secrets: guests.SealedSecrets): Promise<guests.Secrets> {
  return guests.openSecrets(decrypt, secrets);
}

const decrypted = z.object({ Plaintext: z.base64() });

async function decrypt(wrapped: Buffer): Promise<Buffer> {
  const { AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL, AWS_REGION } = process.env;
  const answer = await sendSigned({
    service: 'kms',
    endpoint: AWS_ENDPOINT_URL_KMS ?? AWS_ENDPOINT_URL ?? `https://kms.${AWS_REGION}.amazonaws.com`,
    target: 'TrentService.Decrypt',
    body: { KeyId: setting('SECRETS_KEY'), CiphertextBlob: wrapped.toString('base64'), EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' },
  });
  return Buffer.from(decrypted.parse(JSON.parse(answer ?? '')).Plaintext, 'base64');
}
