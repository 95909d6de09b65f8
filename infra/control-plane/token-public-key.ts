/** The public half of the key that signs tokens, for the environment of the functions that check them: docs/decisions/0021-public-key-in-the-environment.md. */
import { CustomResource, Duration } from 'aws-cdk-lib';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { NodeFunction } from '../node-function.ts';

const stepTime = Duration.seconds(timeouts.deploy);

/** Reads the public key while the stack deploys. */
export class TokenPublicKey extends Construct {
  /** SPKI in DER, as base64. */
  readonly value: string;

  constructor(scope: Construct, id: string, key: Key) {
    super(scope, id);
    const handler = new NodeFunction(this, 'Function', { entry: 'deploy/token-public-key.ts', timeout: stepTime, environment: {} });
    const resource = new CustomResource(this, 'Resource', {
      resourceType: 'Custom::TokenPublicKey',
      serviceToken: handler.functionArn,
      serviceTimeout: stepTime,
      properties: { KeyId: key.keyArn },
    });
    key.grant(handler, 'kms:GetPublicKey').applyBefore(resource);
    this.value = resource.getAttString('PublicKey');
  }
}
