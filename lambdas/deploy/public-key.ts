/**
 * Returns the public half of a key to CloudFormation, which puts it into the environment of the functions that work with it, to check tokens or to seal secrets:
 * they need no right on the key, no client of KMS and no call. It runs when its resource is made and when that names another key.
 */
import { GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import * as z from 'zod';
import { type InvocationContext, log, observed } from '../shared/observation/invocation.ts';
import { whenReady } from './when-ready.ts';

/** A request of CloudFormation to a custom resource, as far as it is answered here. */
const requestSchema = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  PhysicalResourceId: z.string().optional(),
  ResourceProperties: z.object({ KeyId: z.string() }),
});

/**
 * Answers CloudFormation with `PublicKey` (SPKI in DER, as base64) of the key that the resource names; a failure fails the deployment at once, with its text.
 * @throws ZodError for what is no such request; Error when CloudFormation does not take the answer.
 */
export function handler(event: unknown, context?: InvocationContext): Promise<void> {
  return observed('public-key', context, async () => {
    const { RequestType, ResponseURL, ResourceProperties, PhysicalResourceId, ...request } = requestSchema.parse(event);
    const { KeyId } = ResourceProperties;
    const deleted = RequestType === 'Delete';
    const outcome = deleted ? { Status: 'SUCCESS' } : await publicKey(KeyId);
    // Another key is another resource: CloudFormation then deletes the one before.
    const answer = { ...request, PhysicalResourceId: deleted ? PhysicalResourceId : KeyId, ...outcome };
    const response = await fetch(ResponseURL, { method: 'PUT', body: JSON.stringify(answer) });
    if (!response.ok) throw new Error(`CloudFormation answers ${response.status}`);
  });
}

async function publicKey(KeyId: string): Promise<object> {
  try {
    const { PublicKey = [] } = await whenReady(() => new KMSClient().send(new GetPublicKeyCommand({ KeyId })));
    return { Status: 'SUCCESS', Data: { PublicKey: Buffer.from(PublicKey).toString('base64') } };
  } catch (error) {
    log().error('no public key', { error });
    return { Status: 'FAILED', Reason: String(error) };
  }
}
