/** The key of secrets for the inside of guests: the API seals them with its public half, and functions that start or change guests have KMS open them. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { NodeFunction } from '../node-function.ts';
import type { PublicKeys } from './public-keys.ts';

/** The key, and who may do what with it. */
export class GuestSecrets extends Construct {
  readonly #key: Key;
  readonly #publicKey: string;

  constructor(scope: Construct, id: string, publicKeys: PublicKeys) {
    super(scope, id);
    this.#key = new Key(this, 'Key', {
      description: 'Opens secrets for guests of Cellzero',
      keySpec: KeySpec.RSA_2048,
      keyUsage: KeyUsage.ENCRYPT_DECRYPT,
      // What was sealed is wiped when a host has begun: nothing that is kept needs the key.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.#publicKey = publicKeys.of('Secrets', this.#key);
  }

  /** Lets a function seal secrets. */
  allowSealing(func: NodeFunction): void {
    func.addEnvironment('SECRETS_PUBLIC_KEY', this.#publicKey);
  }

  /** Lets a function open secrets. */
  allowOpening(func: NodeFunction): void {
    func.addEnvironment('SECRETS_KEY', this.#key.keyArn);
    this.#key.grant(func, 'kms:Decrypt');
  }
}
