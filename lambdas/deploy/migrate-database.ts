/** Migrates one database while its stack deploys, before anything uses it; a failure rolls the deployment back. */
import { apiMigrations } from '../../database/api/migrations/index.ts';
import { cellMigrations } from '../../database/cell/migrations/index.ts';
import { parseDatabaseUrl } from '../../database/data-api/client.ts';
import { migrate } from '../../database/migrator/migrate.ts';
import { setting } from '../shared/environment.ts';
import { type InvocationContext, log, observed } from '../shared/observation/invocation.ts';
import { whenReady } from './when-ready.ts';

const schemas = { api: apiMigrations, cell: cellMigrations };

/**
 * Brings the database of this function's environment up to date.
 * @throws the error of the migration that failed, or of a database that did not answer for 8 minutes.
 */
export function handler(_event?: unknown, context?: InvocationContext): Promise<void> {
  return observed('migrate', context, async () => {
    const schema = setting('SCHEMA');
    if (schema !== 'api' && schema !== 'cell') throw new Error(`SCHEMA is ${schema}, not api or cell`);
    const database = parseDatabaseUrl(setting('DATABASE'));
    const applied = await whenReady(() => migrate(database, schemas[schema]));
    log().info('migrated', { schema, applied });
  });
}
