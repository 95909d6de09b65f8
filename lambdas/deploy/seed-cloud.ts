/** Seeds a new cloud with its flavors, its image and its admin while the api database's stack deploys, after the migrations. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { seedFlavors } from '../../compute/deploy/seed-flavors.ts';
import { seedUser } from '../../identity/seed.ts';
import { seedImages } from '../../image/seed.ts';
import { apiDatabase } from '../shared/database.ts';
import { setting } from '../shared/environment.ts';
import { type InvocationContext, log, observed } from '../shared/observation/invocation.ts';
import { whenReady } from './when-ready.ts';

/**
 * Seeds the cloud of this function's environment. The secret decides on admin's password: an operator who changes the secret runs this again.
 * @throws the error of a secret or a database that did not answer for 8 minutes.
 */
export function handler(_event?: unknown, context?: InvocationContext): Promise<void> {
  return observed('seed', context, async () => {
    const api = apiDatabase();
    await whenReady(async () => {
      const password = await secretText(setting('ADMIN_SECRET'));
      await Promise.all([seedFlavors(api), seedImages(api), seedUser(api, { name: 'admin', role: 'admin', password })]);
    });
    log().info('seeded');
  });
}

async function secretText(id: string): Promise<string> {
  const { SecretString } = await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId: id }));
  if (!SecretString) throw new Error(`the secret ${id} has no text`);
  return SecretString;
}
