/** The public halves of KMS keys, for the environment of the functions that work with them: docs/decisions/0021-public-key-in-the-environment.md. */
import { CustomResource, Duration } from 'aws-cdk-lib';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { NodeFunction } from '../node-function.ts';

const stepTime = Duration.seconds(timeouts.deploy);

/** Reads public keys while the stack deploys. */
export class PublicKeys extends Construct {
  readonly #reader: NodeFunction;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.#reader = new NodeFunction(this, 'Function', { entry: 'deploy/public-key.ts', timeout: stepTime, environment: {} });
  }

  /** Returns the public half of a key of this stack: SPKI in DER, as base64. */
  of(id: string, key: Key): string {
    const resource = new CustomResource(this, id, {
      resourceType: 'Custom::PublicKey',
      serviceToken: this.#reader.functionArn,
      serviceTimeout: stepTime,
      properties: { KeyId: key.keyArn },
    });
    key.grant(this.#reader, 'kms:GetPublicKey').applyBefore(resource);
    return resource.getAttString('PublicKey');
  }
}
