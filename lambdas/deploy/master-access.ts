/**
 * A database has two users, and each has a secret. Settings and cell mappings name that of the service user, which functions are; it names the master's in
 * `masterarn`, as the secrets do that AWS rotates. What migrates follows it there.
 */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import type { MasterAccess } from '../../compute/deploy/migrate-database.ts';

const secretSchema = z.object({
  username: z.string(),
  /** None where a database does not ask for it, as on one machine. */
  password: z.string().nullable().default(null),
  /** None in the master's own secret. */
  masterarn: z.string().optional(),
});

/**
 * Returns how the master of a database opens it. Where its secret is the master's own, functions use it, too.
 * @throws SyntaxError or ZodError when the secret is not one of a database; the error of Secrets Manager as it is.
 */
export async function masterAccess(database: MasterAccess['master']): Promise<MasterAccess> {
  const { SecretString = '' } = await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId: database.secretArn }));
  const { username: name, password, masterarn } = secretSchema.parse(JSON.parse(SecretString));
  if (masterarn === undefined) return { master: database, serviceUser: null };
  return { master: { ...database, secretArn: masterarn }, serviceUser: { name, password } };
}
