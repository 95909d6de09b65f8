/** The functions behind the HTTP API, each with the rights it uses and no more; only identity may sign a token. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { ApiFunction } from '../../lambdas/api/gateway-routes.ts';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import type { DatabaseRole } from '../../lambdas/workflows/workflow.ts';
import { allowDatabases, type Databases } from '../databases/database-access.ts';
import { NodeFunction } from '../node-function.ts';
import type { PublicKeys } from './public-keys.ts';

/** What the functions work with. */
export interface ApiFunctionsProps {
  databases: Databases;
  publicKeys: PublicKeys;
  publicUrl: string;
  boot: StateMachine;
  reaper: StateMachine;
  /** How many functions may run at once of those that the account can run; 0 sets no limit. */
  concurrency: number;
}

/**
 * What share of them each may take. Clients can make a flood of requests last, where a database is slow to wake; what is left is the workflow's, which
 * must be able to bury what they asked for. Logins, which cost CPU by design, are held apart from the rest.
 */
const shares = { Compute: 0.4, Identity: 0.1, Image: 0.05 };

/** The functions behind the HTTP API. */
export class ApiFunctions extends Construct {
  readonly functions: Readonly<Record<ApiFunction, NodeFunction>>;

  constructor(scope: Construct, id: string, { databases, publicKeys, publicUrl, boot, reaper, concurrency }: ApiFunctionsProps) {
    super(scope, id);
    const tokenKey = new Key(this, 'TokenKey', {
      description: 'Signs the tokens of Cellzero',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      // Tokens live for hours, and nothing is encrypted with it.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const environment = {
      API_DATABASE: databases.api.url,
      TOKEN_PUBLIC_KEY: publicKeys.of('Token', tokenKey),
      PUBLIC_URL: publicUrl,
    };
    const add = (name: keyof typeof shares, entry: string, reaches: readonly DatabaseRole[]): NodeFunction => {
      const reservedConcurrency = Math.floor(concurrency * shares[name]);
      const func = new NodeFunction(this, name, { entry, timeout: Duration.seconds(timeouts.api), environment, reservedConcurrency });
      allowDatabases(func, databases, reaches);
      return func;
    };

    const compute = add('Compute', 'api/compute.ts', ['api', 'cell0', 'cell']);
    compute.addEnvironment('BOOT_STATE_MACHINE', boot.stateMachineArn);
    compute.addEnvironment('REAPER_STATE_MACHINE', reaper.stateMachineArn);
    boot.grantStartExecution(compute);
    reaper.grantStartExecution(compute);

    const identity = add('Identity', 'api/identity.ts', ['api']);
    identity.addEnvironment('TOKEN_KEY', tokenKey.keyArn);
    tokenKey.grant(identity, 'kms:Sign');

    this.functions = { compute, identity, image: add('Image', 'api/image.ts', ['api']) };
  }
}
