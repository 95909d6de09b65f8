/** The api database, seeded with what a new cloud starts with: flavors, an image, and an admin whose password is made here and written nowhere else. */
import { CfnOutput, Validations } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { allowSecret } from './database-access.ts';
import { DatabaseStack, type DatabaseStackProps } from './database-stack.ts';
import { DeployStep } from './deploy-step.ts';

/** All of ASCII. */
const punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

/** The api database. */
export class ApiDatabaseStack extends DatabaseStack {
  constructor(scope: Construct, id: string, props: DatabaseStackProps) {
    super(scope, id, props, { role: 'api', name: 'api' });
    const adminSecret = new Secret(this, 'AdminSecret', {
      description: 'Password of the user admin of Cellzero',
      // It is written into YAML and typed into shells. Emulators do not know excludePunctuation.
      generateSecretString: { passwordLength: 32, excludeCharacters: punctuation },
    });
    Validations.of(adminSecret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'People keep it in their clouds.yaml, so it changes when an operator says so: docs/decisions/0010-secrets-do-not-rotate.md.',
    });
    const seeding = new DeployStep(this, 'Seeding', {
      entry: 'deploy/seed-cloud.ts',
      environment: { API_DATABASE: this.database.url, ADMIN_SECRET: adminSecret.secretArn },
      databases: [this.database],
      after: this.migration,
    });
    allowSecret(seeding.handler, adminSecret.secretArn);
    new CfnOutput(this, 'AdminSecretArn', { value: adminSecret.secretArn, description: 'Secret that is the password of the user admin' });
    new CfnOutput(this, 'SeedFunction', {
      value: seeding.handler.functionName,
      description: 'To be invoked when AdminSecret was changed: sets the password of the user admin',
    });
  }
}
