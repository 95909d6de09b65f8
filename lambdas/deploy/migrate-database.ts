/** Migrates one database while its stack deploys, before anything uses it; a failure rolls the deployment back. */
import { isSchema, migrateDatabase } from '../../compute/deploy/migrate-database.ts';
import { deployedDatabase } from '../shared/database.ts';
import { setting } from '../shared/environment.ts';
import { type InvocationContext, log, observed } from '../shared/observation/invocation.ts';
import { masterAccess } from './master-access.ts';
import { whenReady } from './when-ready.ts';

/**
 * Brings the database of this function's environment up to date.
 * @throws the error of the migration that failed, or of a database that did not answer for 8 minutes.
 */
export function handler(_event?: unknown, context?: InvocationContext): Promise<void> {
  return observed('migrate', context, async () => {
    const schema = setting('SCHEMA');
    if (!isSchema(schema)) throw new Error(`SCHEMA is ${schema}, not api or cell`);
    const applied = await whenReady(async () => migrateDatabase(await masterAccess(deployedDatabase()), schema));
    log().info('migrated', { schema, applied });
  });
}
